"""Exports of users as files: all of a list, and all that is stored about one."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.text import get_text_list
from django.utils.timezone import now

from accounts.admin import action_registry
from accounts.admin.base import record_refusal
from accounts.admin.downloads import ExportForm, download, joined
from accounts.admin.reauthentication import ReauthenticatedFormView, ReauthenticationForm
from accounts.models import User
from accounts.operators import permissions
from accounts.privacy import user_data
from accounts.transfer.user_export import export

MAX_RECORDED_FILTER_LENGTH = 100  # characters


def urls(model_admin: admin.ModelAdmin[User]) -> list[URLPattern]:
    """Return the pages of this module, below those of the list of users."""
    guarded = model_admin.admin_site.admin_view
    users = ExportUsersView.as_view(model_admin=model_admin)
    data = ExportUserDataView.as_view(model_admin=model_admin)
    return [
        path("export/", guarded(users), name="accounts_user_export"),
        path("<int:pk>/data/", guarded(data), name="accounts_user_data"),
    ]


def available(operator: User, user: User) -> list[action_registry.Button]:
    """Return the buttons of this module for the page of `user`."""
    if not permissions.may_edit(operator, user):
        return []
    url = reverse("admin:accounts_user_data", args=[user.pk])
    return [action_registry.Button("export_data", "Export their data", url, False)]


class ExportUsersView(ReauthenticatedFormView):
    """All users that the list shows with this query, streamed, without password hashes."""

    template_name = "admin/import_export/export.html"
    form_class = ExportForm
    title = "Export users"

    def check_permission(self) -> None:
        if not permissions.is_super_admin(self.operator):
            record_refusal(self.request, "export")
            raise PermissionDenied("export")

    @property
    def query(self) -> str:
        return str(self.request.META.get("QUERY_STRING", ""))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(query=self.query, page=self.title, **kwargs)

    def form_valid(self, form: ExportForm) -> HttpResponseBase:  # type: ignore[override]
        file_format = form.cleaned_data["form"]
        pieces = export(
            self.listed(),
            file_format,
            what=self.recorded_filter(),
            actor=self.operator,
            reason=form.cleaned_data["reason"],
        )
        name = f"accounts-{now():%Y-%m-%d}.{file_format}"
        return download(StreamingHttpResponse(joined(pieces)), name)

    def recorded_filter(self) -> str:
        """Describe the filter for the audit log, without what was searched for.

        That may name a user, whom the audit log would have to forget.
        """
        if not self.query:
            return "all accounts"
        filters = "&".join(
            f"{name}={'…' if name == SEARCH_VAR else value}"
            for name, value in self.request.GET.items()
        )
        return f"accounts with {filters[:MAX_RECORDED_FILTER_LENGTH]}"

    def listed(self) -> QuerySet[User]:
        if not self.query:
            return User.objects.all()
        try:
            found = self.model_admin.get_changelist_instance(self.request).get_queryset(
                self.request
            )
        except IncorrectLookupParameters as error:
            raise Http404("no such filter") from error
        return User.objects.filter(pk__in=found.order_by().values("pk"))


class UserDataForm(ReauthenticationForm):
    """The operator's password, and a reason if there is something to say."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.make_reason_optional()


class ExportUserDataView(ReauthenticatedFormView):
    """All that is stored about one user, as a file for them."""

    template_name = "admin/import_export/data.html"
    form_class = UserDataForm
    user: User

    def check_permission(self) -> None:
        self.user = get_object_or_404(User, pk=self.kwargs["pk"], erased_at=None)
        if not permissions.may_edit(self.operator, self.user):
            record_refusal(self.request, "export of one user", self.user)
            raise PermissionDenied("export of one user")

    def get_title(self) -> str:
        return f"Export the data of {self.user}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            account=self.user,
            contents=get_text_list(user_data.contents, "and"),
            page=self.get_title(),
            back=reverse("admin:accounts_user_change", args=[self.user.pk]),
            **kwargs,
        )

    def form_valid(self, form: UserDataForm) -> HttpResponse:
        reason = form.cleaned_data["reason"]
        data = user_data.export(self.user, actor=self.operator, reason=reason)
        text = json.dumps(data, indent=2, ensure_ascii=False)
        return download(HttpResponse(text), f"{self.user.uuid}.json")
