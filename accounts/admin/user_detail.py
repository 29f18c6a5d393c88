"""The page of one user: state, actions, panels and the profile's form."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from accounts.admin import action_registry, exports, user_panels
from accounts.admin.badges import ROLES, relative_time, state
from accounts.admin.base import operator
from accounts.models import User


class UserDetailAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The page of one user, at a fixed number of queries."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        user: User | None = kwargs.get("obj")
        if user is not None:
            context |= detail_context(operator(request), user, bool(context["errors"]))
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Lead back to the user's page, where operators usually go on."""
        return redirect("admin:accounts_user_change", obj.pk)


def detail_context(operator: User, user: User, has_errors: bool) -> dict[str, Any]:
    """Return the context of the page; a form with errors has changed ``user``, so it is read again.

    The user is called ``account``, since Django's templates call the operator ``user``.
    """
    buttons = (
        *action_registry.buttons_for_user(operator, user),
        *exports.available(operator, user),
    )
    account = User.objects.get(pk=user.pk) if has_errors else user
    return {
        "account": account,
        "role": ROLES[account.role],
        "facts": facts(account),
        "state": state(account),
        "show_save_and_add_another": False,
        "show_save_and_continue": False,
        "buttons": sorted(buttons, key=lambda button: button.dangerous),
        "panels": [user_panels.fill(panel, operator, user) for panel in user_panels.panels],
    }


def facts(user: User) -> dict[str, Any]:
    """Return what the page says of the user above its panels, by label."""
    return {
        "User name": user.username,
        "E-mail": user.email or "none",
        "Role": ROLES[user.role],
        "Last login": relative_time(user.last_login),
        "Created": relative_time(user.created_at),
    }
