"""Mails: a list of them, and for each a page that tells its history and offers what can be done."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from accounts import devices
from accounts.admin.action_admin import ActionDetailAdmin
from accounts.admin.badges import Badge, mail_status, relative_time
from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.filters import ChoiceFilter, OwnerFilter, PeriodFilter
from accounts.admin.links import request_url
from accounts.admin.lists import OwnedRowsAdmin, time_column
from accounts.identifiers import normalise
from accounts.mail import templates
from accounts.models import OutgoingMail

Status = OutgoingMail.Status


def mail_action(mail: OutgoingMail) -> str:
    """Return the name of the action that fits the status of a mail; empty for none.

    An action needs a user, so a mail to none has no action.
    """
    if mail.user_id is None:
        return ""
    if mail.status == Status.FAILED:
        return "send_fresh_reset" if mail.is_outdated else "send_again"
    return "send_now" if mail.is_between_tries else ""


def history(mail: OutgoingMail) -> Iterator[SafeString | str]:
    """Sentences about a mail: who asked for it, what the mail server said, and what comes next."""
    yield _asked(mail)
    if mail.tries:
        yield _tried(mail)
    yield from _outcome(mail)


def _asked(mail: OutgoingMail) -> SafeString:
    parts = [
        f"for “{mail.identifier}”" if mail.identifier else "",
        f"through {mail.contract}" if mail.contract else "",
        f"from {mail.address}" if mail.address else "",
        f"with {devices.describe_in_lists(mail.user_agent)}" if mail.user_agent else "",
    ]
    return format_html(
        "Asked for {} ({}) {}.",
        relative_time(mail.created_at),
        _at(mail.created_at),
        " ".join(filter(None, parts)),
    )


def _tried(mail: OutgoingMail) -> SafeString:
    times = "once" if mail.tries == 1 else f"{mail.tries} times"
    if not mail.error:
        return format_html("Tried {}.", times)
    return format_html("Tried {}. The last answer: <q>{}</q>", times, mail.error)


def _outcome(mail: OutgoingMail) -> Iterator[SafeString | str]:
    if mail.closed_at:
        yield _closed(mail, mail.closed_at)
    elif mail.is_between_tries:
        yield format_html(
            "The next try is {} ({}).", relative_time(mail.next_try_at), _at(mail.next_try_at)
        )
        yield f"If none succeeds until {_at(mail.give_up_at)}, it fails."
    else:
        yield "A mail worker is sending it now, or will within a second or two, if one is running."


def _closed(mail: OutgoingMail, at: datetime) -> str:
    ends = {
        Status.SENT: _sent(mail),
        Status.FAILED: "It failed, and is not tried again by itself",
        Status.NOBODY: (
            "It was not sent: no active account with an address has this name, "
            "or it was not needed any more"
        ),
        Status.ENOUGH: (
            "It was not sent, because this account had been sent as many resets as an account "
            "gets in an hour"
        ),
    }
    return f"{ends[Status(mail.status)]} ({_at(at)})."


def _sent(mail: OutgoingMail) -> str:
    if settings.EMAIL_HOST:
        return f"The mail server took it for {mail.recipient}"
    path = settings.EMAIL_FILE_PATH
    return (
        f"It was written to a file in {path} for {mail.recipient}, "
        "since EMAIL_HOST names no mail server"
    )


def _at(moment: datetime) -> str:
    return f"{localtime(moment):%-d %B %Y, %H:%M:%S} UTC"


class StatusFilter(ChoiceFilter):
    title, parameter_name = "status", "status__exact"
    conditions: ClassVar = {
        **{value: (label, Q(status=value)) for value, label in OutgoingMail.Status.choices},
        "failing": (
            "Waiting after a failed try",
            Q(status=OutgoingMail.Status.WAITING) & ~Q(error=""),
        ),
    }


class TemplateFilter(ChoiceFilter):
    title, parameter_name = "template", "template__exact"
    conditions: ClassVar = {code: (label, Q(template=code)) for code, label in templates.choices()}


class ClosedFilter(PeriodFilter):
    title, parameter_name, field = "time of its end", "closed", "closed_at"


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ActionDetailAdmin, OwnedRowsAdmin, ReadOnlyAdmin):
    list_display = (
        "template",
        "became",
        "to",
        time_column("created_at", "asked for"),
        "tries",
        "error",
        "next_try",
    )
    list_filter = (StatusFilter, TemplateFilter, OwnerFilter, ClosedFilter)
    list_select_related = ("user",)
    ordering = ("-pk",)
    change_form_template = "admin/accounts/outgoingmail/change_form.html"
    fields = (
        "template",
        "user",
        "recipient",
        "language",
        "contract",
        "address",
        "user_agent",
        "request",
        "data",
    )
    readonly_fields = ("request",)

    def owned_by(self, users: list[int], query: str) -> Q:
        """Find mails by their users or, if none is found, by the identifier that was typed then."""
        return super().owned_by(users, query) if users else Q(identifier=normalise(query))

    @admin.display(description="to")
    def to(self, mail: OutgoingMail) -> str:
        return mail.recipient or mail.given_address or mail.identifier or str(mail.user or "nobody")

    @admin.display(description="next try")
    def next_try(self, mail: OutgoingMail) -> str | None:
        return None if mail.closed_at else relative_time(mail.next_try_at)

    @admin.display(description="status")
    def became(self, mail: OutgoingMail) -> Badge:
        return mail_status(mail)

    @admin.display(description="request")
    def request(self, mail: OutgoingMail) -> SafeString | str:
        if not mail.request_id:
            return "—"
        return format_html('<a href="{}">{}</a>', request_url(mail.request_id), mail.request_id)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        mail: OutgoingMail = kwargs["obj"]
        context |= {
            "title": f"{mail.get_template_display()}, to {self.to(mail)}",
            "subtitle": None,
            "status": mail_status(mail),
            "history": list(history(mail)),
        }
        return super().render_change_form(request, context, *args, **kwargs)
