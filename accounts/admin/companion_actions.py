"""Second acts that the page of an act offers as check boxes: done to the same people, for the same reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from accounts.admin.action_registry import Offer
from accounts.models import User
from accounts.operators import actions


@dataclass(frozen=True, kw_only=True)
class Companion:
    """``rows`` finds what of these people the second act would be done to; ``heading`` stands above their names."""

    act: actions.Action
    label: str
    heading: str
    rows: Callable[[Sequence[User]], Sequence[Any]]
    named: Callable[[Any], str]
    did: str

    @property
    def name(self) -> str:
        return self.act.name

    def field(self) -> forms.Field:
        help_text = "Then a reason and your password are asked for." if self.act.dangerous else ""
        return forms.BooleanField(label=self.label, required=False, help_text=help_text)


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """A further effect of an action, which comes without being asked for.

    ``rows`` finds to what of these people, ``heading`` stands above their names.
    """

    heading: str
    rows: Callable[[Sequence[User]], Sequence[Any]]
    named: Callable[[Any], str]


_consequences: dict[str, list[Consequence]] = {}
_companions: dict[str, list[Companion]] = {}


def accompany(*names: str, companion: Companion) -> None:
    """Offer a second act on the pages of the acts on accounts with these names."""
    for name in names:
        _companions.setdefault(name, []).append(companion)


def find(offer: Offer, people: Sequence[Any]) -> dict[Companion, Sequence[Any]]:
    """Return the companions that fit these people, each with the rows that it would be done to."""
    found = {
        companion: companion.rows(people)
        for companion in _companions.get(offer.name, ())
        if offer.model is User and people
    }
    return {companion: rows for companion, rows in found.items() if rows}


def foretell(*names: str, consequence: Consequence) -> None:
    """Name on the pages of the acts on accounts with these names what else they do."""
    for name in names:
        _consequences.setdefault(name, []).append(consequence)


def foreseen(offer: Offer, people: Sequence[Any]) -> dict[Consequence, Sequence[Any]]:
    """Return the consequences for these people, each with its rows."""
    found = {
        each: each.rows(people)
        for each in _consequences.get(offer.name, ())
        if offer.model is User and people
    }
    return {consequence: rows for consequence, rows in found.items() if rows}
