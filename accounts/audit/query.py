"""The trail read back: the events that somebody asks for, newest first, and a batch at a time where they are many."""

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
from accounts.models.audit_event import about, typed_as

BATCH = 1000  # events that are held in memory at once


@GenericIPAddressField.register_lookup
class InNetwork(Lookup):
    """``address__in_network="10.0.0.0/8"``: on PostgreSQL a range of the column's index, on SQLite a function of ours."""

    lookup_name = "in_network"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        network = ip_network(str(self.rhs), strict=False)
        if connection.vendor == "sqlite":
            return f"address_in_network({column}, %s)", (*parameters, str(network))
        return f"{column} BETWEEN %s::inet AND %s::inet", (
            *parameters,
            str(network[0]),
            str(network[-1]),
        )


def address_in_network(address: str | None, network: str) -> bool:
    return address is not None and ip_address(address) in ip_network(network)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What to look for. All that is given has to hold."""

    person: str = (
        ""  # user name, address or uuid: to whom it happened, who did it, or what was typed so
    )
    user: int | None = None
    actor: int | None = None
    kinds: tuple[str, ...] = ()
    reason: str = ""
    contract: str = ""
    address: str = ""  # or a network
    session: UUID | None = None
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def events(self) -> QuerySet[AuditEvent]:
        """Newest first, each with its people."""
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
        events = AuditEvent.objects.filter(
            **{column: value for column, value in exact.items() if value not in (None, "")}
        )
        if self.kinds:
            events = events.filter(kind__in=self.kinds)
        if self.address:
            events = events.filter(
                **{"address__in_network" if "/" in self.address else "address": self.address}
            )
        if self.person:
            events = events.filter(of_person(self.person))
        if self.session and (
            owner := Session.objects.filter(pk=self.session).values_list("user", flat=True).first()
        ):
            events = events.filter(user=owner)  # whose events are indexed
        return events.select_related("user", "actor").order_by("-at", "-pk")


def of_person(typed: str) -> Q:
    """What happened to whoever is called so, what they did as an operator, and what was typed so by whomever."""
    return of(find_person(typed), typed)


def of(person: User | None, typed: str) -> Q:
    return about(person) | Q(actor=person) if person else typed_as(typed)


def find_person(typed: str) -> User | None:
    try:
        return User.objects.filter(uuid=UUID(typed)).first()
    except ValueError:
        return User.objects.find(typed)


def validate_address(typed: str) -> None:
    """``ValidationError`` for what is neither an address nor a network."""
    try:
        ip_network(typed, strict=False)
    except ValueError as error:
        raise ValidationError(
            "Write an address, as 192.0.2.7, or a network, as 10.0.0.0/8 or 2001:db8::/64."
        ) from error


def in_batches(events: QuerySet[AuditEvent], size: int = BATCH) -> Iterator[AuditEvent]:
    """All of them, however many, by queries of their own: no transaction and no cursor stays open while a slow reader reads."""
    last: AuditEvent | None = None
    while batch := list(after(events, last)[:size]):
        yield from batch
        last = batch[-1]


def after(events: QuerySet[AuditEvent], last: AuditEvent | None) -> QuerySet[AuditEvent]:
    """Those that come next when ``last`` was the last that somebody saw."""
    if last is None:
        return events
    return events.filter(
        ~Q(at=last.at, pk__gte=last.pk), at__lte=last.at
    )  # an OR would keep SQLite from using the order of an index
