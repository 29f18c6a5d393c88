"""Rows that an operator chose for an action, and what the action would do to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from accounts.admin import action_registry
from accounts.admin.action_registry import AdminAction
from accounts.models import User
from accounts.operators import actions

MAX_SHOWN_NAMES = 20  # of a list; the rest is a number
UUID_DIGITS = 32


class InvalidSelection(ValueError):
    """Nothing can be done with the chosen ids; the text is a sentence for the operator."""

    def __init__(self, sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass
class Selection:
    """Rows by what the action would do: done, nothing to do, or not permitted.

    `unknown` is the number of ids without a row.
    """

    eligible: list[Any] = field(default_factory=list)
    nothing_to_do: list[Any] = field(default_factory=list)
    forbidden: list[Any] = field(default_factory=list)
    unknown: int = 0

    @property
    def rows(self) -> list[Any]:
        """The rows that a page is about: those to act on, or else the others."""
        return self.eligible or self.nothing_to_do or self.forbidden


def select(action: AdminAction, operator: User, ids_text: str) -> Selection:
    """Read ids with commas between, and their rows. Raises `InvalidSelection`."""
    ids = read_ids(ids_text, action)
    rows = action.model._default_manager.filter(pk__in=ids).order_by("pk")
    if action.owner:
        rows = rows.select_related(action.owner)
    found = list(rows)
    if not found:
        raise InvalidSelection(
            "What was chosen is not there, or not any more. Nothing was done.",
            HTTPStatus.NOT_FOUND,
        )
    selection = Selection(unknown=len(set(map(_as_stored, ids))) - len(found))
    applicable = (
        set(action.applicable(rows.order_by()).values_list("pk", flat=True))
        if action.applicable
        else {row.pk for row in found}
    )
    _sort(found, selection, action, operator, applicable)
    return selection


def _sort(
    rows: list[Any],
    selection: Selection,
    action: AdminAction,
    operator: User,
    applicable: set[Any],
) -> None:
    owners = {user.pk for row in rows if (user := action.user_of(row))}
    users = actions.eligibility(
        action.action, operator=operator, users=User.objects.filter(pk__in=owners)
    )
    eligible, forbidden = set(users.eligible), set(users.forbidden)
    for row in rows:
        owner = action.user_of(row)
        if owner and owner in forbidden:
            selection.forbidden.append(row)
        elif owner and owner in eligible and row.pk in applicable:
            selection.eligible.append(row)
        else:
            selection.nothing_to_do.append(row)


def read_ids(text: str, action: AdminAction) -> list[str]:
    """Return ids with commas between, each once. Raises `InvalidSelection`."""
    parts = (part.strip() for part in text.split(",", action.max_rows + 1))
    ids = list(dict.fromkeys(filter(None, parts)))
    if not ids:
        raise InvalidSelection("No row was chosen. Go back and tick at least one.")
    if len(ids) > action.max_rows:
        raise InvalidSelection(action.too_many)
    if not all(action_registry.is_id(part, action.model) for part in ids):
        raise InvalidSelection(
            "The address of this page is damaged: it holds something that is no id. "
            "Nothing was done."
        )
    return ids


def _as_stored(text: str) -> Any:
    """Return a comparable form of an id, which may have zeros in front or hyphens inside."""
    if text.isdecimal():
        return int(text)
    return text.replace("-", "").lower() if len(text) >= UUID_DIGITS else text


@dataclass(frozen=True)
class NamedRows:
    """Rows under a heading, the first of them by name."""

    heading: str
    rows: Sequence[Any]
    describe: Callable[[Any], str]

    @property
    def shown(self) -> list[str]:
        return [self.describe(row) for row in self.rows[:MAX_SHOWN_NAMES]]

    @property
    def more(self) -> int:
        return max(0, len(self.rows) - MAX_SHOWN_NAMES)
