"""Mails, and what became of them."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import Q

from accounts.admin.acting import Acting
from accounts.admin.base import Readable
from accounts.admin.filters import OwnerFilter, PeriodFilter
from accounts.admin.lists import OfPeople, OneOf, ago
from accounts.admin.states import Badge, fate, when
from accounts.identifiers import normalise
from accounts.models import OutgoingMail


class FateFilter(OneOf):
    title, parameter_name = "fate", "fate__exact"
    choices_offered: ClassVar = {
        **{value: (label, Q(fate=value)) for value, label in OutgoingMail.Fate.choices},
        "failing": ("Waiting after a failed try", Q(fate=OutgoingMail.Fate.WAITING) & ~Q(error="")),
    }


class KindFilter(OneOf):
    title, parameter_name = "kind", "kind__exact"
    choices_offered: ClassVar = {value: (label, Q(kind=value)) for value, label in OutgoingMail.Kind.choices}


class ClosedFilter(PeriodFilter):
    title, parameter_name, field = "closed", "closed", "closed_at"


@admin.register(OutgoingMail)
class OutgoingMailAdmin(Acting, OfPeople, Readable):
    list_display = ("kind", "to", ago("created_at", "asked for"), "became", "tries", "error", "next_try")
    list_filter = (FateFilter, KindFilter, OwnerFilter, ClosedFilter)
    list_select_related = ("user",)
    ordering = ("-pk",)

    def of(self, people: list[int], typed: str) -> Q:
        """Where nobody is found, what was typed at the time may have been this, by somebody who has no account."""
        return super().of(people, typed) if people else Q(typed=normalise(typed))

    @admin.display(description="to")
    def to(self, mail: OutgoingMail) -> str:
        return mail.recipient or mail.typed or str(mail.user or "nobody")

    @admin.display(description="next try", empty_value="")
    def next_try(self, mail: OutgoingMail) -> str | None:
        return None if mail.closed_at else when(mail.next_try_at)

    @admin.display(description="fate")
    def became(self, mail: OutgoingMail) -> Badge:
        return fate(mail)
