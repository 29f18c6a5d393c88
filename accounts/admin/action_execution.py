"""An action carried out on the rows of a selection, each in a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.db import OperationalError

from accounts.admin.action_registry import AdminAction
from accounts.admin.action_selection import Selection
from accounts.admin.additional_actions import AdditionalAction
from accounts.errors import NotPermitted
from accounts.models import User
from accounts.operators import actions


@dataclass
class Result:
    """Rows by what was done, and the secrets that are shown once."""

    done: list[Any] = field(default_factory=list)
    nothing_to_do: list[Any] = field(default_factory=list)
    forbidden: list[Any] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    secrets: list[tuple[str, str]] = field(default_factory=list, repr=False)

    @property
    def rows(self) -> list[Any]:
        return [*self.done, *self.nothing_to_do, *self.forbidden, *self.failed]

    @property
    def status(self) -> HTTPStatus:
        refused = self.forbidden and not self.done and not self.nothing_to_do
        return HTTPStatus.FORBIDDEN if refused else HTTPStatus.OK

    def add(self, row: Any, outcome: actions.Outcome | None, name: str) -> None:
        (self.done if outcome else self.nothing_to_do).append(row)
        if outcome and outcome.secret:
            self.secrets.append((name, outcome.secret))


def run(
    action: AdminAction,
    operator: User,
    selection: Selection,
    reason: str = "",
    additional: Sequence[AdditionalAction] = (),
    **arguments: str,
) -> Result:
    """Act on each row; a failure undoes no other.

    Additional actions come first, so that a row that failed can be sent again. Forbidden rows are
    tried too, for the audit event of the refusal.
    """
    result = Result(nothing_to_do=list(selection.nothing_to_do))
    before = [(row, [each.action for each in additional]) for row in selection.eligible]
    for row, first in [*before, *((row, []) for row in selection.forbidden)]:
        if action.argument:
            arguments[action.argument] = str(row.pk)
        try:
            for each in first:
                actions.carry_out(each, operator=operator, user=row, reason=reason)
            outcome = actions.carry_out(
                action.action,
                operator=operator,
                user=action.user_of(row),
                reason=reason,
                **arguments,
            )
        except NotPermitted:
            result.forbidden.append(row)
        except OperationalError:
            result.failed.append(row)
        else:
            result.add(row, outcome, action.describe(row))
    return result
