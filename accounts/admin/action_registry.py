"""What operators do, in words: the registry of acts, and what of it a person's page offers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import IntegerField, Model, QuerySet, UUIDField
from django.urls import reverse

from accounts.models import User
from accounts.operators import actions

MOST = 1000  # what one page acts on


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An act of the core in words, and the rows that it is offered on: accounts, or what belongs to them.

    ``will`` says what will happen, ``did`` what did, with ``{whom}`` in both; ``idle`` why there is nothing to do. Of rows that are no
    accounts ``owner`` is the field that leads to one, ``key`` the name under which the act is told of the row, and ``alive`` finds those
    that there is something to do to. ``choices`` are fields of the page that asks, and ``initial`` what they hold for a single row.
    """

    act: actions.Action
    label: str
    will: str | Callable[[], str]
    did: str
    idle: str | Callable[[], str] = "There is nothing to do"
    model: type[Model] = User
    owner: str = ""
    key: str = ""
    alive: Callable[[Any], QuerySet[Any]] | None = None
    named: Callable[[Any], str] = str
    brief: Callable[[Any], str] | None = None
    choices: Callable[[], dict[str, forms.Field]] = dict
    initial: Callable[[Any], dict[str, str]] = lambda row: {}
    most: int = MOST

    @property
    def name(self) -> str:
        return self.act.name

    def says(self, words: str | Callable[[], str], rows: Sequence[Any] = ()) -> str:
        return (words if isinstance(words, str) else words()).format(
            whom=self.whom(rows, self.brief or self.named)
        )

    def person(self, row: Any) -> User:
        found: User = getattr(row, self.owner) if self.owner else row
        return found

    def whom(self, rows: Sequence[Any], named: Callable[[Any], str] | None = None) -> str:
        """One by name, many by number."""
        if len(rows) == 1:
            return (named or self.named)(rows[0])
        return f"{len(rows):,} {self.model._meta.verbose_name_plural}"


_offers: dict[tuple[type[Model], str], Offer] = {}


def register(*offers: Offer) -> None:
    """Put acts on offer, in this order."""
    _offers.update({(offer.model, offer.name): offer for offer in offers})


def on(model: type[Model]) -> list[Offer]:
    return [offer for offer in _offers.values() if offer.model is model]


def find(model: type[Model], name: str) -> Offer:
    return _offers[model, name]


# On the pages of others


@dataclass(frozen=True)
class Button:
    """An act that this operator may do to this person now, and where it begins."""

    name: str
    label: str
    url: str
    dangerous: bool


def offered(operator: User, person: User) -> list[Button]:
    """What this operator may do to this person, as far as there is anything to do: from the harmless to what super admins decide."""
    return [
        Button(offer.name, offer.label, link(offer.name, person), offer.act.dangerous)
        for offer in sorted(
            on(User), key=lambda offer: (offer.act.dangerous, offer.act.for_super_admins)
        )
        if actions.may_carry_out(operator, offer.act, person) and actions.applies(offer.act, person)
    ]


def offered_on(operator: User, row: Model, back: str) -> list[Button]:
    """Return the actions that fit a row of a person and that this operator may do.

    Each leads to ``back`` afterwards.
    """
    person = next(iter(on(type(row)))).person(row)
    rows = type(row)._default_manager.filter(pk=row.pk)
    return [
        Button(offer.name, offer.label, link(offer.name, row, back), offer.act.dangerous)
        for offer in on(type(row))
        if person
        and actions.may_carry_out(operator, offer.act, person)
        and (offer.alive is None or offer.alive(rows).exists())
    ]


def link(name: str, row: Model, back: str = "") -> str:
    """Return the address of an action on a row, as in ``link("end_session", session)``.

    With ``back``, the action leads there afterwards.
    """
    asked = {"ids": row.pk} | ({"next": back} if back else {})
    return f"{address(_offers[type(row), name])}?{urlencode(asked)}"


def address(offer: Offer) -> str:
    meta = offer.model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_act", args=[offer.name])


def too_many(offer: Offer) -> str:
    meta = offer.model._meta
    rows = meta.verbose_name if offer.most == 1 else meta.verbose_name_plural
    return f"“{offer.label}” goes for at most {offer.most:,} {rows} at once. Nothing was done. Narrow the list down first."


def is_id(text: str, model: type[Model]) -> bool:
    key = model._meta.pk
    if isinstance(key, UUIDField):
        return bool(
            re.fullmatch(
                r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", text.lower(), re.ASCII
            )
        )
    return bool(
        re.fullmatch(
            r"[0-9]{1,18}" if isinstance(key, IntegerField) else r"[\w-]{1,64}", text, re.ASCII
        )
    )
