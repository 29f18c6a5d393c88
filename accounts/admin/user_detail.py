"""One person whole: who it is, in which state, what can be done, and what is live, mailed and on record, at a fixed number of queries."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin import action_registry, exports
from accounts.admin.badges import ROLES, device, mail_status, state, when
from accounts.admin.base import operator
from accounts.admin.links import events_url, request_url, rows_url
from accounts.admin.outgoing_mail import mail_action
from accounts.audit import event_messages
from accounts.models import AuditEvent, OutgoingMail, Session, User
from accounts.operators import actions


class Row(NamedTuple):
    cells: list[tuple[str, Any]]  # each with its column
    url: str
    action: tuple[str, str] | None  # label and address


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Rows that belong to a person, the newest first: no more than ``most`` of what ``rows`` gives, and a way to all of them."""

    name: str
    title: str
    link: str  # to all of them
    columns: Sequence[str]
    rows: Callable[[User, int], Iterable[Any]]  # of a person, up to so many
    cells: Callable[[Any], Sequence[Any]]
    all: Callable[[User], str]
    none: str
    action: Callable[[Any], str] = lambda row: ""  # the name of the action on a row
    most: int = 10


class Shown(NamedTuple):
    panel: Panel
    rows: list[Row]
    more: bool
    has_actions: bool  # whether any row has one
    all: str


def show(panel: Panel, by: User, person: User) -> Shown:
    found = list(panel.rows(person, panel.most + 1))
    rows = [
        Row(
            list(zip(panel.columns, panel.cells(row), strict=True)),
            _url(row),
            _action(panel, by, person, row),
        )
        for row in found
    ]
    return Shown(
        panel,
        rows[: panel.most],
        len(rows) > panel.most,
        any(row.action for row in rows),
        panel.all(person),
    )


def _url(row: Model) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def _action(panel: Panel, by: User, person: User, row: Model) -> tuple[str, str] | None:
    name = panel.action(row)
    if not name:
        return None
    action = action_registry.find(type(row), name)
    return (
        (action.label, action_registry.link(name, row))
        if actions.may_carry_out(by, action.action, person)
        else None
    )


# Panels


def _mails_of(person: User, most: int) -> Iterable[OutgoingMail]:
    """Also those that wait: until they are sent, only what was typed says whom they are for."""
    typed = Q(closed_at=None, identifier__in=[person.username, *filter(None, [person.email])])
    return OutgoingMail.objects.filter(typed | Q(user=person)).order_by("-created_at")[:most]


def _events_of(person: User, most: int) -> Iterable[AuditEvent]:
    """Also what was typed as this person's name or address: guesses at it are throttled without a look at who that is."""
    return AuditEvent.objects.select_related("user", "actor").newest_about(person, most)


def _request(event: AuditEvent) -> SafeString | str:
    return (
        format_html(
            '<a href="{}"><code>{}</code></a>', request_url(event.request_id), event.request_id
        )
        if event.request_id
        else ""
    )


def _mail_status(mail: OutgoingMail) -> SafeString:
    said = format_html(' <span class="said">{}</span>', mail.error) if mail.error else ""
    return format_html("{}{}", mail_status(mail), said)


panels = [
    Panel(
        name="sessions",
        title="Active sessions",
        link="All sessions",
        columns=("Device", "Contract", "Address", "Opened", "Last used"),
        rows=lambda person, most: (
            Session.objects.live().filter(user=person).order_by("-last_used_at")[:most]
        ),
        cells=lambda session: (
            device(session.user_agent),
            session.contract,
            session.address or "unknown",
            when(session.created_at),
            when(session.last_used_at),
        ),
        all=lambda person: rows_url(Session, user__id__exact=person.pk),
        none="Nobody is logged in with this account.",
        action=lambda session: "end_session",
    ),
    Panel(
        name="mails",
        title="Mails",
        link="All mails",
        columns=("Mail", "To", "Asked for", "Status"),
        rows=_mails_of,
        cells=lambda mail: (
            mail.get_template_display(),
            mail.recipient or mail.given_address or mail.identifier or "its address",
            when(mail.created_at),
            _mail_status(mail),
        ),
        all=lambda person: rows_url(OutgoingMail, user__id__exact=person.pk),
        none="No mail was sent in the last weeks.",
        action=mail_action,
    ),
    Panel(
        name="events",
        title="What happened",
        link="All events",
        columns=("What", "When", "Through", "From", "Request"),
        rows=_events_of,
        cells=lambda event: (
            event_messages.text(event),
            when(event.at),
            event.contract,
            event.address or "",
            _request(event),
        ),
        all=lambda person: events_url(person=person.username),
        none="Nothing is on record.",
        most=20,
    ),
]


class Whole(admin.ModelAdmin):  # type: ignore[type-arg]
    """The page of one person: all of the above, and the form."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        person: User | None = kwargs.get("obj")
        if person is not None:
            by = operator(request)
            context |= {
                "account": User.objects.get(pk=person.pk) if context["errors"] else person,
                "role": ROLES[person.role],
                "last_login": when(person.last_login),
                "created": when(person.created_at),
                "state": state(person),
                "show_save_and_add_another": False,
                "show_save_and_continue": False,
                "buttons": sorted(
                    (*action_registry.buttons_for_user(by, person), *exports.available(by, person)),
                    key=lambda button: button.dangerous,
                ),
                "panels": [show(panel, by, person) for panel in panels],
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Whoever saves a profile has seldom done all they came for."""
        return redirect("admin:accounts_user_change", obj.pk)
