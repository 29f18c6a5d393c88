"""The audit log's model: one row for each audit event."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, ClassVar

from django.db import models

from accounts.audit import event_kinds
from accounts.identifiers import identifiers_of, normalise
from accounts.models.fields import CodeField
from accounts.request_context import printable

if TYPE_CHECKING:
    from accounts.models import User


def stored_identifier(identifier: str) -> str:
    """Return an identifier as events have it: normalised, escaped, cut to the column's length."""
    return printable(normalise(identifier), 150)


def with_identifiers(*identifiers: str) -> models.Q:
    """Return the condition of events of no account in which one of these identifiers was typed.

    It has one equation for each: for a list SQLite would read all events of no account.
    """
    names = sorted({stored_identifier(each) for each in identifiers if each})
    return reduce(or_, (models.Q(user=None, name=name) for name in names), models.Q(pk__in=()))


def about(user: User) -> models.Q:
    """Return the condition of ``AuditEvent.objects.about``, to be combined with others."""
    return models.Q(user=user) | with_identifiers(*identifiers_of(user))


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Events by user. Each condition is one range of an index, without functions of columns."""

    def with_identifiers(self, *identifiers: str) -> AuditEventQuerySet:
        """Return the events of no account in which one of these was typed, in any spelling."""
        return self.filter(with_identifiers(*identifiers))

    def about(self, user: User) -> AuditEventQuerySet:
        """Return the events of this account, and those of none with one of its identifiers."""
        return self.filter(about(user))

    def newest_about(self, user: User, most: int) -> list[AuditEvent]:
        """Return the last events of ``about``, newest first.

        ``most`` rows at most are read from either index.
        """
        events = self.order_by("-at", "-pk")
        found = [
            *events.filter(user=user)[:most],
            *events.with_identifiers(*identifiers_of(user))[:most],
        ]
        return sorted(found, key=lambda event: (event.at, event.pk), reverse=True)[:most]


class AuditEvent(models.Model):
    """An audit event, as it was seen then. Rows are only ever added."""

    Kind = event_kinds.Kind

    at = models.DateTimeField(auto_now_add=True)
    kind = CodeField(max_length=30, choices=event_kinds.choices)
    user = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    actor = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(
        max_length=150,
        blank=True,
        help_text="What was typed, normalised, or the account's name then.",
    )
    session = models.UUIDField(null=True)
    contract = models.CharField(max_length=20, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    # As long as the sentences that an older release writes here while both run side by side.
    reason = models.CharField(
        max_length=200,
        blank=True,
        help_text="A reason code: the true reason; the client was told less.",
    )
    data = models.JSONField(
        default=dict, db_default={}, blank=True, help_text="What the reason code is about."
    )
    note = models.CharField(
        max_length=200,
        db_default="",
        default="",
        blank=True,
        help_text="What an operator wrote as a reason.",
    )

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            *(
                models.Index(fields=[*fields])
                for fields in (
                    ["user", "at"],
                    ["request_id"],
                    ["at"],
                    ["kind", "at"],
                    ["address", "at"],
                )
            ),
            models.Index(
                fields=["actor", "at"],
                condition=models.Q(actor__isnull=False),
                name="event_of_operator",
            ),
            models.Index(
                fields=["name", "at"], condition=models.Q(user=None), name="event_of_typed_name"
            ),
            models.Index(
                fields=["user"], condition=models.Q(kind="erased"), name="event_of_erasure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
