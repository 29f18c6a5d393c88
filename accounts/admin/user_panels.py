"""Panels of a user's page: their sessions, mails and audit events; other apps insert theirs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Model, Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import devices
from accounts.admin import action_registry
from accounts.admin.badges import mail_status, relative_time
from accounts.admin.links import events_url, request_url, rows_url
from accounts.admin.outgoing_mail import mail_action
from accounts.audit import event_messages
from accounts.identifiers import identifiers_of
from accounts.models import AuditEvent, OutgoingMail, Session, User
from accounts.operators import actions


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Rows that belong to a user, the newest first, and a link to all of them.

    ``rows`` returns up to so many rows of a user, ``cells`` the cells of a row, and ``action`` the
    name of an action on a row, if there is one. Up to ``max_rows`` are shown.
    """

    name: str
    title: str
    link: str
    all_url: Callable[[User], str]
    columns: Sequence[str]
    rows: Callable[[User, int], Iterable[Any]]
    cells: Callable[[Any], Sequence[Any]]
    empty_text: str
    action: Callable[[Any], str] = lambda row: ""
    max_rows: int = 10


class PanelRow(NamedTuple):
    """The cells of a row, each with its column; its page; label and address of its action."""

    cells: list[tuple[str, Any]]
    url: str
    action: tuple[str, str] | None


class FilledPanel(NamedTuple):
    """A panel with the rows of one user, and whether there are more, or any has an action."""

    panel: Panel
    rows: list[PanelRow]
    more: bool
    has_actions: bool
    all_url: str


def fill(panel: Panel, operator: User, user: User) -> FilledPanel:
    """Read the rows of a user, with the actions that the operator may carry out on each."""
    found = list(panel.rows(user, panel.max_rows + 1))
    rows = [_panel_row(panel, operator, user, row) for row in found]
    more, has_actions = len(rows) > panel.max_rows, any(row.action for row in rows)
    return FilledPanel(panel, rows[: panel.max_rows], more, has_actions, panel.all_url(user))


def _panel_row(panel: Panel, operator: User, user: User, row: Model) -> PanelRow:
    cells = list(zip(panel.columns, panel.cells(row), strict=True))
    page = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return PanelRow(cells, reverse(page, args=[row.pk]), _action(panel, operator, user, row))


def _action(panel: Panel, operator: User, user: User, row: Model) -> tuple[str, str] | None:
    name = panel.action(row)
    if not name:
        return None
    action = action_registry.find(type(row), name)
    if not actions.may_carry_out(operator, action.action, user):
        return None
    return action.label, action_registry.link(name, row)


def _sessions_of(user: User, most: int) -> Iterable[Session]:
    return Session.objects.live().filter(user=user).order_by("-last_used_at")[:most]


def _session_cells(session: Session) -> Sequence[Any]:
    return (
        devices.describe_in_lists(session.user_agent),
        session.contract,
        session.address or "unknown",
        relative_time(session.created_at),
        relative_time(session.last_used_at),
    )


def _mails_of(user: User, most: int) -> Iterable[OutgoingMail]:
    """Return also mails that wait: until they are sent they have no user, but an identifier."""
    waiting = Q(closed_at=None, identifier__in=identifiers_of(user))
    return OutgoingMail.objects.filter(waiting | Q(user=user)).order_by("-created_at")[:most]


def _mail_cells(mail: OutgoingMail) -> Sequence[Any]:
    error = format_html(' <span class="mail-error">{}</span>', mail.error) if mail.error else ""
    return (
        mail.get_template_display(),
        mail.recipient or mail.given_address or mail.identifier or "its address",
        relative_time(mail.created_at),
        format_html("{}{}", mail_status(mail), error),
    )


def _events_of(user: User, most: int) -> Iterable[AuditEvent]:
    """Return also events without an account in which the user's name or address was typed.

    Logins are throttled before the account is looked up.
    """
    return AuditEvent.objects.select_related("user", "actor").newest_about(user, most)


def _event_cells(event: AuditEvent) -> Sequence[Any]:
    return (
        event_messages.text(event),
        relative_time(event.at),
        event.contract,
        event.address or "",
        _request_link(event.request_id) if event.request_id else "",
    )


def _request_link(request_id: str) -> SafeString:
    return format_html('<a href="{}"><code>{}</code></a>', request_url(request_id), request_id)


panels = [
    Panel(
        name="sessions",
        title="Active sessions",
        link="All sessions",
        all_url=lambda user: rows_url(Session, user__id__exact=user.pk),
        columns=("Device", "Contract", "Address", "Opened", "Last used"),
        rows=_sessions_of,
        cells=_session_cells,
        empty_text="The user is not logged in.",
        action=lambda session: "end_session",
    ),
    Panel(
        name="mails",
        title="Mails",
        link="All mails",
        all_url=lambda user: rows_url(OutgoingMail, user__id__exact=user.pk),
        columns=("Mail", "To", "Asked for", "Status"),
        rows=_mails_of,
        cells=_mail_cells,
        empty_text="No mail was sent in the last weeks.",
        action=mail_action,
    ),
    Panel(
        name="events",
        title="Audit log",
        link="All events",
        all_url=lambda user: events_url(identifier=user.username),
        columns=("Event", "When", "Contract", "Address", "Request"),
        rows=_events_of,
        cells=_event_cells,
        empty_text="No event is on record.",
        max_rows=20,
    ),
]
