"""Further actions and effects that the page of an action on users shows.

An additional action is a check box: it is done to the same users, for the same reason. A side
effect happens by itself and is only announced. Other apps register theirs here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms

from accounts.admin.action_registry import AdminAction
from accounts.models import User
from accounts.operators.actions import Action


@dataclass(frozen=True, kw_only=True)
class SideEffect:
    """An effect of an action on rows that belong to its users.

    `rows` finds them for some users, `describe` names one, `heading` stands above their names.
    """

    heading: str
    rows: Callable[[Sequence[User]], Sequence[Any]]
    describe: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class AdditionalAction(SideEffect):
    """A second action on the same users, offered as a check box; `done` says that it was done."""

    action: Action
    label: str
    done: str

    @property
    def name(self) -> str:
        return self.action.name

    def field(self) -> forms.Field:
        dangerous = self.action.dangerous
        help_text = "Then a reason and your password are asked for." if dangerous else ""
        return forms.BooleanField(label=self.label, required=False, help_text=help_text)


Effect = TypeVar("Effect", bound=SideEffect)
_additional_actions: dict[str, list[AdditionalAction]] = {}
_side_effects: dict[str, list[SideEffect]] = {}


def register_additional_action(*names: str, action: AdditionalAction) -> None:
    """Offer `action` on the pages of the actions on users with these names."""
    for name in names:
        _additional_actions.setdefault(name, []).append(action)


def register_side_effect(*names: str, effect: SideEffect) -> None:
    """Announce `effect` on the pages of the actions on users with these names."""
    for name in names:
        _side_effects.setdefault(name, []).append(effect)


def additional_actions_for(
    action: AdminAction, users: Sequence[Any]
) -> dict[AdditionalAction, Sequence[Any]]:
    """Return the additional actions that fit these users, each with the rows that it affects."""
    return _with_rows(_additional_actions.get(action.name, ()), action, users)


def side_effects_for(action: AdminAction, users: Sequence[Any]) -> dict[SideEffect, Sequence[Any]]:
    """Return the side effects for these users, each with the rows that it affects."""
    return _with_rows(_side_effects.get(action.name, ()), action, users)


def _with_rows(
    effects: Sequence[Effect], action: AdminAction, users: Sequence[Any]
) -> dict[Effect, Sequence[Any]]:
    if action.model is not User or not users:
        return {}
    found = {effect: effect.rows(users) for effect in effects}
    return {effect: rows for effect, rows in found.items() if rows}
