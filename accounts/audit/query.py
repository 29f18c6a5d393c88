"""Queries of the audit log: the events of a selection, newest first, also in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import GenericIPAddressField, Lookup, Q, QuerySet

from accounts.models import AuditEvent, Session, User
from accounts.models.audit_event import about, with_identifiers

EVENTS_PER_READ = 1000  # events that are held in memory at once


@GenericIPAddressField.register_lookup
class InNetwork(Lookup):
    """``address__in_network="10.0.0.0/8"``.

    It is a range of the column's index on PostgreSQL, and ``address_in_network`` on SQLite.
    """

    lookup_name = "in_network"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        network = ip_network(str(self.rhs), strict=False)
        if connection.vendor == "sqlite":
            return f"address_in_network({column}, %s)", (*parameters, str(network))
        first_and_last = (str(network[0]), str(network[-1]))
        return f"{column} BETWEEN %s::inet AND %s::inet", (*parameters, *first_and_last)


def address_in_network(address: str | None, network: str) -> bool:
    return address is not None and ip_address(address) in ip_network(network)


@dataclass(frozen=True, kw_only=True)
class EventQuery:
    """Conditions on events, all of which have to hold.

    ``identifier`` is a user name, an address or a uuid: it selects the events about that user,
    those of their actions as an operator, and those of no account in which it was typed. ``user``
    and ``actor`` are primary keys; ``address`` may also be a network.
    """

    identifier: str = ""
    user: int | None = None
    actor: int | None = None
    kinds: tuple[str, ...] = ()
    reason: str = ""
    contract: str = ""
    address: str = ""
    session: UUID | None = None
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def events(self) -> QuerySet[AuditEvent]:
        """Return the events, newest first, each with its user and operator."""
        events = AuditEvent.objects.filter(**self._exact())
        if self.kinds:
            events = events.filter(kind__in=self.kinds)
        if self.address:
            lookup = "address__in_network" if "/" in self.address else "address"
            events = events.filter(**{lookup: self.address})
        if self.identifier:
            events = events.filter(involving(find_user(self.identifier), self.identifier))
        if self.session and (owner := self._session_owner()):
            events = events.filter(user=owner)  # which has an index; ``session`` has none
        return events.select_related("user", "actor").order_by("-at", "-pk")

    def _exact(self) -> dict[str, Any]:
        exact = {
            "user": self.user,
            "actor": self.actor,
            "reason": self.reason,
            "contract": self.contract,
            "session": self.session,
            "request_id": self.request_id,
            "at__gte": self.since,
            "at__lt": self.until,
        }
        return {column: value for column, value in exact.items() if value not in (None, "")}

    def _session_owner(self) -> int | None:
        return Session.objects.filter(pk=str(self.session)).values_list("user", flat=True).first()


def involving(user: User | None, identifier: str) -> Q:
    """Return the condition of events about a user or by them as an operator.

    Without a user it is that of events of no account in which the identifier was typed.
    """
    return about(user) | Q(actor=user) if user else with_identifiers(identifier)


def find_user(identifier: str) -> User | None:
    """Return the user with this uuid, user name or address."""
    try:
        return User.objects.filter(uuid=UUID(identifier)).first()
    except ValueError:
        return User.objects.find(identifier)


def validate_address(text: str) -> None:
    """``ValidationError`` for what is neither an address nor a network."""
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise ValidationError(
            "Write an address, as 192.0.2.7, or a network, as 10.0.0.0/8 or 2001:db8::/64."
        ) from error


def in_batches(events: QuerySet[AuditEvent], size: int = EVENTS_PER_READ) -> Iterator[AuditEvent]:
    """Yield all these events, newest first, with a query for each batch.

    So no transaction and no cursor stays open while a slow client reads.
    """
    last: AuditEvent | None = None
    while batch := list(older_than(last, events)[:size]):
        yield from batch
        last = batch[-1]


def older_than(last: AuditEvent | None, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Return those of ``events`` that follow ``last`` in a list with the newest first."""
    if last is None:
        return events
    # An OR would keep SQLite from using the order of an index.
    return events.filter(~Q(at=last.at, pk__gte=last.pk), at__lte=last.at)
