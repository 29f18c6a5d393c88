"""Imports of users from a file: upload, a preview of what will happen, confirmation, report."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.generic import FormView

from accounts.admin.base import operator
from accounts.admin.downloads import download
from accounts.admin.import_report import (
    COMMAND,
    MAX_FILE_NAME_LENGTH,
    MAX_FILE_SIZE,
    MAX_PLAIN_PASSWORDS,
    MAX_ROWS,
    as_csv,
    rows_of,
    run,
    summary,
)
from accounts.admin.links import rows_url
from accounts.admin.reauthentication import ReauthenticatedFormView, ReauthenticationForm
from accounts.models import PendingImport, User
from accounts.operators import permissions
from accounts.request_context import printable
from accounts.transfer import columns, file_reader
from accounts.transfer.jsonl_writer import jsonl_line

TOO_LARGE = f"This file has more than 5 MB. {COMMAND}"


def urls(model_admin: admin.ModelAdmin[User]) -> list[URLPattern]:
    """Return the pages of this module, below those of the list of users."""
    guarded = model_admin.admin_site.admin_view
    upload = UploadView.as_view(model_admin=model_admin)
    preview = ImportPreviewView.as_view(model_admin=model_admin)
    return [
        path("import/", guarded(upload), name="accounts_user_import"),
        path("import/<uuid:pk>/", guarded(preview), name="accounts_user_import_preview"),
        path(
            "import/<uuid:pk>/report.<str:file_format>",
            guarded(report),
            name="accounts_user_import_report",
        ),
    ]


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # which the reader refuses with a sentence of its own
        help_text=(
            f"CSV or JSONL in UTF-8, of 5 MB and {MAX_ROWS:,} users at most, "
            f"{MAX_PLAIN_PASSWORDS} of them with plain passwords. {COMMAND}"
        ),
        widget=forms.FileInput(
            attrs={"accept": ".csv,.jsonl,.ndjson", "data-largest": MAX_FILE_SIZE}
        ),
    )
    accept_weak = forms.BooleanField(
        label="Import weak passwords too",
        required=False,
        help_text="They have to be changed at the first login. Else such a row is refused.",
    )
    roles = forms.BooleanField(
        label="Import admins as admins",
        required=False,
        help_text="As the column role says. Else such a row is refused.",
    )

    def __init__(self, *args: Any, super_admin: bool, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        if not super_admin:
            del self.fields["roles"]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE_SIZE:
            raise ValidationError(TOO_LARGE)
        try:
            file_reader.format_of(file.name)
        except file_reader.UnreadableFile as error:
            raise ValidationError("The name of the file has to end in .csv or .jsonl.") from error
        return file

    @property
    def options(self) -> dict[str, bool]:
        return {name: self.cleaned_data.get(name, False) for name in ("accept_weak", "roles")}


class UploadView(FormView):  # type: ignore[type-arg]
    """The page that takes a file and tries it out.

    The file waits, encrypted, in the database: any node can go on with it.
    """

    model_admin: admin.ModelAdmin[Any] = None  # type: ignore[assignment]  # given to as_view()
    template_name = "admin/import_export/upload.html"
    form_class = UploadForm
    http_method_names = ["get", "head", "post"]

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.super_admin = permissions.is_super_admin(operator(request))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "too_large" in request.GET:
            messages.error(request, TOO_LARGE)
        return super().get(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "super_admin": self.super_admin}

    def form_valid(self, form: UploadForm) -> HttpResponse:
        file = form.cleaned_data["file"]
        pending = PendingImport(
            operator=operator(self.request),
            filename=printable(file.name, MAX_FILE_NAME_LENGTH),
            options=form.options,
        )
        content = file.read()
        try:
            self.try_out(pending, content)
        except file_reader.UnreadableFile as error:
            form.add_error("file", str(error))
            return self.form_invalid(form)
        pending.seal_file(content)
        pending.save()
        return redirect("admin:accounts_user_import_preview", pending.pk)

    def try_out(self, pending: PendingImport, content: bytes) -> None:
        pending.options["hashes"] = self.super_admin and any(
            row.values.get("password_hash") for row in rows_of(pending, content)
        )
        pending.seal_report(run(pending, content, dry_run=True))

    def form_invalid(self, form: UploadForm) -> HttpResponse:
        context = self.get_context_data(form=form)
        return self.render_to_response(context, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            **page_context(self.model_admin, self.request, "Import users"),
            columns=columns.COLUMNS,
            super_admin=self.super_admin,
            **kwargs,
        )


class ImportForm(ReauthenticationForm):
    """The confirmation of an import: hashes take a reason, hashes and roles a password."""

    def __init__(self, *args: Any, options: dict[str, bool], **kwargs: Any) -> None:
        hashes = options.get("hashes", False)
        super().__init__(*args, dangerous=hashes or options["roles"], **kwargs)
        if not hashes:
            del self.fields["reason"]


class ImportPreviewView(ReauthenticatedFormView):
    """The page that says what will happen to each row and, after the confirmation, what did."""

    template_name = "admin/import_export/preview.html"
    form_class = ImportForm
    pending: PendingImport

    def prepare(self) -> HttpResponseBase | None:
        pending = PendingImport.of(self.operator, self.kwargs["pk"])
        if pending is None:
            return self.show("expired", HTTPStatus.GONE)
        self.pending = pending
        return None

    def show(self, name: str, status: HTTPStatus) -> HttpResponse:
        context = page_context(self.model_admin, self.request, "Import users")
        return TemplateResponse(
            self.request, f"admin/import_export/{name}.html", context, status=status
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "cancel" in request.POST:
            self.pending.delete()
            return redirect("admin:accounts_user_import")
        return super().post(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "options": self.pending.options}

    def form_valid(self, form: ImportForm) -> HttpResponse:
        """Import the file, unless it was confirmed before.

        The file is deleted from the database before its first user is written.
        """
        pending = self.pending
        content = pending.begin()
        if content is None:
            return redirect("admin:accounts_user_import_preview", pending.pk)
        try:
            reason = form.cleaned_data.get("reason", "")
            pending.seal_report(run(pending, content, dry_run=False, reason=reason))
        except Error:
            return self.show("stopped", HTTPStatus.SERVICE_UNAVAILABLE)
        pending.options["done"] = True
        PendingImport.objects.filter(pk=pending.pk).update(
            report=pending.report, options=pending.options
        )
        return redirect("admin:accounts_user_import_preview", pending.pk)

    @property
    def done(self) -> bool:
        return bool(self.pending.options.get("done"))

    @property
    def unfinished(self) -> bool:
        return self.pending.begun_at is not None and not self.done

    def get_title(self) -> str:
        if self.done:
            return "Imported"
        return f"Import users: {'begun' if self.unfinished else 'what will happen'}"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        lines = self.pending.open_report()
        return super().get_context_data(
            page=self.get_title(),
            pending=self.pending,
            unfinished=self.unfinished,
            **summary(lines),
            **kwargs,
        )


def report(request: HttpRequest, pk: UUID, file_format: str) -> HttpResponse:
    """Answer with the status of each row, as a file."""
    pending = PendingImport.of(operator(request), pk)
    if pending is None or file_format not in ("csv", "jsonl"):
        raise Http404("no such report")
    lines = pending.open_report()
    text = "".join(map(jsonl_line, lines)) if file_format == "jsonl" else as_csv(lines)
    return download(HttpResponse(text), f"import-report.{file_format}")


def page_context(
    model_admin: admin.ModelAdmin[Any], request: HttpRequest, title: str
) -> dict[str, Any]:
    return {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "page": title,
        "opts": model_admin.opts,
        "changelist": rows_url(model_admin.model),
    }
