"""Accounts in files: taken in after a look at what will happen, and written out. One person's data, for them; and their erasure."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.timezone import now

from accounts.admin import action_registry, action_texts
from accounts.admin.action_view import Proof, Reasoned
from accounts.admin.base import operator, permitted
from accounts.admin.downloads import PRIVATE, ExportForm, download, joined
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.models import PendingImport, User
from accounts.operators import permissions, user_actions
from accounts.privacy import user_data
from accounts.request_context import printable
from accounts.transfer import file_reader
from accounts.transfer.csv_writer import csv_line
from accounts.transfer.user_export import export
from accounts.transfer.user_import import ONLY_CASE, Fate, Options, import_rows

LARGEST = 5 * 2**20  # bytes of a file
MOST_ROWS = 10_000
MOST_PASSWORDS = 500  # in plain: hashing each takes some 20 ms, and the browser waits
SHOWN = 20
SHOWN_REFUSED = 200
COMMAND = "On the machine, manage.py import_users takes files of any size."


def urls(model_admin: admin.ModelAdmin[User]) -> list[URLPattern]:
    """The pages of this module, below those of the list of people."""
    pages, guarded = Pages(model_admin), model_admin.admin_site.admin_view
    return [
        path("import/", guarded(pages.upload), name="accounts_user_import"),
        path("import/<uuid:pk>/", guarded(pages.preview), name="accounts_user_import_preview"),
        path(
            "import/<uuid:pk>/report.<str:form>",
            guarded(pages.report),
            name="accounts_user_import_report",
        ),
        path("export/", guarded(pages.export), name="accounts_user_export"),
        path("<int:pk>/data/", guarded(pages.data), name="accounts_user_data"),
    ]


def offered(by: User, person: User) -> list[action_registry.Button]:
    """What this module adds to the buttons on a person's page."""
    if not permissions.may_edit(by, person):
        return []
    return [
        action_registry.Button(
            "export_data",
            "Export their data",
            reverse("admin:accounts_user_data", args=[person.pk]),
            False,
        )
    ]


action_registry.register(
    action_texts.on_people(
        act=user_actions.ERASE,
        label="Erase",
        will=(
            "{whom} will be erased, for good. Sessions, API keys, mails and resets are deleted, the account is emptied, and its name and "
            "address are free for anybody. What is in the audit log stays, without names, addresses and what operators wrote. "
            "The reason is kept there: do not name the person in it. Backups and files exported earlier keep what they hold."
        ),
        did="Erased. Nothing here names them any more.",
        most=20,
    )
)


# What is typed


class UploadForm(forms.Form):
    file = forms.FileField(
        label="File",
        allow_empty_file=True,  # which the reader says itself
        help_text=(
            f"CSV or JSONL in UTF-8, of 5 MB and {MOST_ROWS:,} accounts at most, {MOST_PASSWORDS} of them with plain passwords. {COMMAND}"
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.jsonl,.ndjson", "data-largest": LARGEST}),
    )
    accept_weak = forms.BooleanField(
        label="Take weak passwords too",
        required=False,
        help_text="They have to be changed at the first login. Else such a row is refused.",
    )
    roles = forms.BooleanField(
        label="Take admins in as admins",
        required=False,
        help_text="As the column role says. Else such a row is refused.",
    )

    def __init__(self, *args: Any, runs: bool, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        if not runs:
            del self.fields["roles"]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise ValidationError(f"This file has more than 5 MB. {COMMAND}")
        try:
            file_reader.format_of(file.name)
        except file_reader.UnreadableFile as error:
            raise ValidationError("The name of the file has to end in .csv or .jsonl.") from error
        return file


class DataForm(Proof):
    reason = forms.CharField(
        label="Reason (optional)",
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 60}),
        help_text="Kept in the audit log, beside your name.",
    )


# The pages


class Pages:
    def __init__(self, model_admin: admin.ModelAdmin[User]) -> None:
        self.model_admin = model_admin

    # Taking in

    def upload(self, request: HttpRequest) -> HttpResponse:
        """Choose a file. It waits, encrypted, in the database: whichever node is asked next can go on with it."""
        runs = permissions.is_super_admin(operator(request))
        form = UploadForm(*sent(request), request.FILES or None, runs=runs)
        if request.method == "GET" and "too_large" in request.GET:
            messages.error(request, f"This file has more than 5 MB. {COMMAND}")
        if request.method == "POST" and form.is_valid():
            waiting = PendingImport(
                operator=operator(request), filename=printable(form.cleaned_data["file"].name, 100)
            )
            waiting.options = {
                name: form.cleaned_data.get(name, False) for name in ("accept_weak", "roles")
            }
            content = form.cleaned_data["file"].read()
            try:
                waiting.options["hashes"] = runs and any(
                    row.values.get("password_hash") for row in rows_of(waiting, content)
                )
                waiting.seal_report(self.run(waiting, content, dry_run=True))
            except file_reader.UnreadableFile as error:
                form.add_error("file", str(error))
            else:
                waiting.seal_file(content)
                waiting.save()
                return redirect("admin:accounts_user_import_preview", waiting.pk)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
        return self.render(
            request,
            "upload",
            "Import accounts",
            status,
            form=form,
            columns=file_reader.COLUMNS,
            runs=runs,
        )

    def preview(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """What will happen to each row; after the confirmation, what did."""
        waiting = self.waiting(request, pk)
        if waiting is None:
            return self.render(request, "expired", "Import accounts", HTTPStatus.GONE)
        hashes = waiting.options.get("hashes", False)
        kind = Reasoned if hashes else Proof
        form = kind(*sent(request), request=request, dangerous=hashes or waiting.options["roles"])
        if request.method == "POST" and "cancel" in request.POST:
            waiting.delete()
            return redirect("admin:accounts_user_import")
        if request.method == "POST" and form.is_valid():
            return self.confirm(request, waiting, form.cleaned_data.get("reason", ""))
        lines = waiting.open_report()
        refused = [line for line in lines if line["verdict"] == Fate.REFUSED]
        counted = Counter(line["verdict"] for line in lines)
        done = bool(waiting.options.get("done"))
        unfinished = waiting.begun_at is not None and not done
        context = {
            "waiting": waiting,
            "form": form,
            "counted": [
                (fate.value, counted[fate])
                for fate in Fate
                if counted[fate] or fate == Fate.IMPORTED
            ],
            "wanted": counted[Fate.IMPORTED],
            "first": lines[:SHOWN],
            "more": max(0, len(lines) - SHOWN),
            "refused": refused[:SHOWN_REFUSED],
            "more_refused": max(0, len(refused) - SHOWN_REFUSED),
            "colliding": sum(ONLY_CASE in line["reason"] for line in refused),
            "unfinished": unfinished,
        }
        title = (
            "Imported"
            if done
            else f"Import accounts: {'begun' if unfinished else 'what will happen'}"
        )
        return self.render(request, "preview", title, form.status, **context)

    def confirm(self, request: HttpRequest, waiting: PendingImport, reason: str) -> HttpResponse:
        """Whoever confirms first does it; the file is gone from the database before its first account is there."""
        content = waiting.begin()
        if content is not None:
            try:
                with permitted():
                    waiting.seal_report(self.run(waiting, content, dry_run=False, reason=reason))
            except Error:
                return self.render(
                    request, "stopped", "Import accounts", HTTPStatus.SERVICE_UNAVAILABLE
                )
            waiting.options["done"] = True
            PendingImport.objects.filter(pk=waiting.pk).update(
                report=waiting.report, options=waiting.options
            )
        return redirect("admin:accounts_user_import_preview", waiting.pk)

    def run(
        self, waiting: PendingImport, content: bytes, *, dry_run: bool, reason: str = ""
    ) -> list[dict[str, Any]]:
        options = Options(
            dry_run=dry_run,
            accept_weak=waiting.options["accept_weak"],
            roles=waiting.options["roles"],
            hashes=waiting.options.get("hashes", False),
            reason=reason,
        )
        batches = import_rows(
            limited(rows_of(waiting, content)),
            options,
            source=waiting.filename,
            actor=waiting.operator,
        )
        return [verdict.as_dict() for batch in batches for verdict in batch]

    def report(self, request: HttpRequest, pk: UUID, form: str) -> HttpResponse:
        waiting = self.waiting(request, pk)
        if waiting is None or form not in ("csv", "jsonl"):
            raise Http404("no such report")
        lines = waiting.open_report()
        text = (
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            if form == "jsonl"
            else as_csv(lines)
        )
        return download(HttpResponse(text), f"import-report.{form}")

    def waiting(self, request: HttpRequest, pk: UUID) -> PendingImport | None:
        return PendingImport.of(operator(request), pk)

    # Writing out

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """All accounts that the list shows with this query, streamed; for super admins, and never with a hash."""
        if not permissions.is_super_admin(operator(request)):
            raise self.refused(request, "export")
        form = ExportForm(*sent(request), request=request)
        query = request.META.get("QUERY_STRING", "")
        if request.method == "POST" and form.is_valid():
            kind = form.cleaned_data["form"]
            # What was searched for may name somebody, whom the audit log would have to forget.
            filters = "&".join(
                f"{name}={'…' if name == SEARCH_VAR else value}"
                for name, value in request.GET.items()
            )
            what = f"accounts with {filters[:100]}" if query else "all accounts"
            reason = form.cleaned_data["reason"]
            pieces = export(
                self.listed(request), kind, what=what, actor=operator(request), reason=reason
            )
            return download(
                StreamingHttpResponse(joined(pieces)), f"accounts-{now():%Y-%m-%d}.{kind}"
            )
        return self.render(
            request, "export", "Export accounts", form.status, form=form, query=query
        )

    def listed(self, request: HttpRequest) -> QuerySet[User]:
        if not request.META.get("QUERY_STRING"):
            return User.objects.all()
        try:
            found = self.model_admin.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters as error:
            raise Http404("no such filter") from error
        return User.objects.filter(pk__in=found.order_by().values("pk"))

    def data(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that is held about one person, as a file for them."""
        person = get_object_or_404(User, pk=pk, erased_at=None)
        if not permissions.may_edit(operator(request), person):
            raise self.refused(request, "export of one person", person)
        form = DataForm(*sent(request), request=request)
        if request.method == "POST" and form.is_valid():
            held = user_data.export(
                person, actor=operator(request), reason=form.cleaned_data["reason"]
            )
            return download(
                HttpResponse(json.dumps(held, indent=2, ensure_ascii=False)), f"{person.uuid}.json"
            )
        back = reverse("admin:accounts_user_change", args=[pk])
        return self.render(
            request,
            "data",
            f"Export the data of {person}",
            form.status,
            form=form,
            person=person,
            back=back,
        )

    def refused(
        self, request: HttpRequest, what: str, person: User | None = None
    ) -> PermissionDenied:
        audit_log.record(
            audit_log.Kind.ACTION_REFUSED,
            user=person,
            actor=operator(request),
            reason=Reason.NOT_PERMITTED,
            data={"act": what},
        )
        return PermissionDenied(what)

    def render(
        self,
        request: HttpRequest,
        name: str,
        title: str,
        status: int = HTTPStatus.OK,
        **context: Any,
    ) -> HttpResponse:
        shared = {
            **self.model_admin.admin_site.each_context(request),
            "title": title,
            "offer": {"label": title},
            "opts": User._meta,
            "changelist": reverse("admin:accounts_user_changelist"),
        }
        return TemplateResponse(
            request,
            f"admin/import_export/{name}.html",
            shared | context,
            status=status,
            headers=PRIVATE,
        )


def sent(request: HttpRequest) -> tuple[Any, ...]:
    """What a form is bound to: also to nothing, if nothing was filled in."""
    return (request.POST,) if request.method == "POST" else (None,)


def rows_of(waiting: PendingImport, content: bytes) -> Iterator[file_reader.Row]:
    return file_reader.rows(io.BytesIO(content), file_reader.format_of(waiting.filename))


def limited(found: Iterable[file_reader.Row]) -> Iterator[file_reader.Row]:
    """As many rows as a browser should wait for, or else a sentence."""
    passwords = 0
    for number, row in enumerate(found, 1):
        passwords += bool(row.values.get("password"))
        if number > MOST_ROWS:
            raise file_reader.UnreadableFile(
                f"This file has more than {MOST_ROWS:,} accounts. {COMMAND}"
            )
        if passwords > MOST_PASSWORDS:
            raise file_reader.UnreadableFile(
                f"This file has more than {MOST_PASSWORDS} plain passwords, which take long to hash. {COMMAND}"
            )
        yield row


def as_csv(lines: list[dict[str, Any]]) -> str:
    return "".join(
        csv_line(cells)
        for cells in (["line", "username", "verdict", "reason"], *(line.values() for line in lines))
    )
