"""The page of an action: it says what will happen, asks for confirmation, acts, and reports."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.admin import action_registry, additional_actions
from accounts.admin.action_execution import Result, run
from accounts.admin.action_form import ActionForm
from accounts.admin.action_registry import AdminAction
from accounts.admin.action_selection import InvalidSelection, NamedRows, Selection, select
from accounts.admin.additional_actions import AdditionalAction
from accounts.admin.links import rows_url
from accounts.admin.reauthentication import ReauthenticatedFormView
from accounts.errors import ChangedMeanwhile, IdentifierTaken
from accounts.models import User
from accounts.operators import user_actions

SUBMISSION_REMEMBERED_FOR = 3600  # seconds
MAX_SUBMISSION_ID_LENGTH = 64  # characters


class ActionView(ReauthenticatedFormView):
    """The page of one action on chosen rows of a model.

    GET and the form of a list show the confirmation; only the POST of the confirmation acts.
    """

    form_class = ActionForm
    template_name = "admin/actions/confirm.html"
    ids: str | None = None  # with commas between; by default from the address or the form
    back: str | None = None  # the page to return to; by default from the address or the form
    admin_action: AdminAction
    submitted = False

    @classmethod
    def begin(
        cls, model_admin: admin.ModelAdmin[Any], request: HttpRequest, name: str, ids: Sequence[str]
    ) -> HttpResponseBase:
        """Return the confirmation for rows chosen in a list, which it returns to afterwards."""
        view = cls(model_admin=model_admin, ids=",".join(ids), back=request.get_full_path())
        view.setup(request, name=name)
        return view.confirm()

    @classmethod
    def show_secret(
        cls, model_admin: admin.ModelAdmin[Any], request: HttpRequest, user: User, secret: str
    ) -> HttpResponse:
        """Return the page with the temporary password of a user who was just created."""
        view = cls(model_admin=model_admin, ids="", back="")
        view.setup(request, name=user_actions.GIVE_TEMPORARY_PASSWORD.name)
        secrets = [(str(user), secret)]
        return view.render("done", title=f"Added {user}", secrets=secrets, back=view.home([user]))

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        sent = request.POST if request.method == "POST" else request.GET
        if self.ids is None:
            self.ids = sent.get("ids", "")
        if self.back is None:
            back = request.POST.get("next") or request.GET.get("next", "")
            self.back = back if url_has_allowed_host_and_scheme(back, None) else ""
        try:
            self.admin_action = action_registry.find(self.model_admin.model, kwargs["name"])
        except KeyError as error:
            raise Http404("no such action") from error

    def check_permission(self) -> None:
        """Permit every operator: the selection says which rows they may act on."""

    @cached_property
    def selection(self) -> Selection:
        return select(self.admin_action, self.operator, self.ids or "")

    @cached_property
    def additional(self) -> dict[AdditionalAction, Sequence[Any]]:
        return additional_actions.additional_actions_for(self.admin_action, self.selection.eligible)

    # Confirmation

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.confirm()

    def confirm(self) -> HttpResponse:
        try:
            return self.render_to_response(self.get_context_data())
        except InvalidSelection as refusal:
            return self.refuse(str(refusal), refusal.status)

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs = super().get_form_kwargs()
        if not self.submitted:
            kwargs.pop("data", None)  # of the form of a list
            kwargs.pop("files", None)
        return {**kwargs, "action": self.admin_action, "additional": self.additional}

    def get_initial(self) -> dict[str, Any]:
        rows = self.selection.eligible
        return dict(self.admin_action.initial(rows[0])) if len(rows) == 1 else {}

    def get_title(self) -> str:
        return self.admin_action.title(self.selection.rows)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        action, selection = self.admin_action, self.selection
        effects = self.additional | additional_actions.side_effects_for(action, selection.eligible)
        return super().get_context_data(
            **self.page_context(),
            eligible=NamedRows("For", selection.eligible, action.describe),
            effects=[
                NamedRows(each.heading, rows, each.describe) for each, rows in effects.items()
            ],
            skipped=self.skipped(selection),
            unknown=selection.unknown,
            before=action.text(action.before, selection.eligible),
            ids=",".join(str(row.pk) for row in selection.eligible),
            once=get_random_string(22),
            back=self.back or self.home(selection.rows),
            next=self.back,
            **kwargs,
        )

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        selection = self.selection
        if not selection.eligible:
            nothing = HTTPStatus.OK if selection.nothing_to_do else HTTPStatus.FORBIDDEN
            kwargs = {"status": nothing, **kwargs}
        return super().render_to_response(context, **kwargs)

    # Action

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.submitted = True
        try:
            selection = self.selection
        except InvalidSelection as refusal:
            return self.refuse(str(refusal), refusal.status)
        if selection.forbidden and not selection.eligible:
            return self.report(self.run_without_form())
        form = self.get_form()
        if selection.eligible and not form.is_valid():
            return self.form_invalid(form)
        if not self.is_first_submission():
            return self.refuse(
                "This was sent twice. It was done the first time, and nothing was done now.",
                HTTPStatus.CONFLICT,
            )
        return self.form_valid(form) if selection.eligible else self.report(self.run_without_form())

    def form_valid(self, form: ActionForm) -> HttpResponse:
        reason, ticked = form.cleaned_data["reason"], form.ticked
        try:
            result = run(
                self.admin_action, self.operator, self.selection, reason, ticked, **form.arguments
            )
            return self.report(result, ticked)
        except IdentifierTaken as refusal:
            form.add_error(refusal.field, "Another account has this one. Nothing was done.")
            return self.form_invalid(form)
        except ValidationError as refusal:
            form.add_error(None, refusal)
            return self.form_invalid(form)
        except ChangedMeanwhile:
            return self.refuse(
                "This account was changed since this page was opened. Nothing was done.",
                HTTPStatus.CONFLICT,
            )

    def is_first_submission(self) -> bool:
        """Note that the form was sent: a second click must not replace what was shown once."""
        given = self.request.POST.get("once", "")[:MAX_SUBMISSION_ID_LENGTH]
        key = f"action:{self.operator.pk}:{given.encode().hex()}"
        return not given or cache.add(key, True, timeout=SUBMISSION_REMEMBERED_FOR)

    def run_without_form(self) -> Result:
        """Try the rows that the operator may not act on: each refusal is an audit event."""
        return run(self.admin_action, self.operator, self.selection)

    # Result

    def report(self, result: Result, additional: Sequence[AdditionalAction] = ()) -> HttpResponse:
        """Redirect with a message after success with a single row; else show a page."""
        action, title = self.admin_action, "Nothing was done."
        if result.done:
            after = action.text(action.after, result.done)
            title = " ".join([after, *(each.done for each in additional)])
        if len(result.rows) == 1 and result.done and not result.secrets:
            messages.success(self.request, title)
            return redirect(self.back or self.home(result.rows))
        busy = NamedRows("The database was busy: try again", result.failed, action.describe)
        return self.render(
            "done",
            result.status,
            title=title,
            done=NamedRows("Done", result.done, action.describe),
            secrets=result.secrets,
            skipped=[*self.skipped(result), *([busy] if result.failed else [])],
            back=self.back or self.home(result.rows),
        )

    def skipped(self, found: Selection | Result) -> list[NamedRows]:
        """Return the rows that the action skips, by the reason for that."""
        action, groups = self.admin_action, dict[str, list[Any]]()
        if found.nothing_to_do:
            groups[action.text(action.nothing_to_do)] = found.nothing_to_do
        for row in found.forbidden:
            groups.setdefault(self.objection(action.user_of(row)), []).append(row)
        return [NamedRows(heading, rows, action.describe) for heading, rows in groups.items()]

    def objection(self, user: User) -> str:
        if user == self.operator:
            return "No operator does this to themselves"
        return "Erased" if user.erased_at else "Only super admins decide about this"

    def home(self, rows: Sequence[Any]) -> str:
        """Return the page of the one user that the rows belong to, or else the list."""
        users = {user.pk for row in rows if (user := self.admin_action.user_of(row))}
        if len(users) == 1:
            return reverse("admin:accounts_user_change", args=[*users])
        return rows_url(self.admin_action.model)

    def refuse(self, sentence: str, status: int = HTTPStatus.BAD_REQUEST) -> HttpResponse:
        return self.render(
            "refused",
            status,
            title=self.admin_action.label,
            sentence=sentence,
            back=self.back or rows_url(self.admin_action.model),
        )

    def render(self, name: str, status: int = HTTPStatus.OK, **context: Any) -> HttpResponse:
        context |= self.model_admin.admin_site.each_context(self.request)
        context |= {**self.page_context(), "opts": self.model_admin.opts}
        context["changelist"] = rows_url(self.admin_action.model)
        return TemplateResponse(self.request, f"admin/actions/{name}.html", context, status=status)

    def page_context(self) -> dict[str, Any]:
        return {"admin_action": self.admin_action, "page": self.admin_action.label}
