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
from accounts.operators.actions import Outcome, carry_out


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

    def add(self, row: Any, outcome: Outcome | None, name: str) -> None:
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

    Forbidden rows are tried too, for the audit event of the refusal.
    """
    result = Result(nothing_to_do=list(selection.nothing_to_do))
    eligible = [(row, additional) for row in selection.eligible]
    for row, first in (*eligible, *((row, ()) for row in selection.forbidden)):
        try:
            outcome = _act_on(row, action, operator, reason, first, arguments)
        except NotPermitted:
            result.forbidden.append(row)
        except OperationalError:
            result.failed.append(row)
        else:
            result.add(row, outcome, action.describe(row))
    return result


def _act_on(
    row: Any,
    action: AdminAction,
    operator: User,
    reason: str,
    additional: Sequence[AdditionalAction],
    arguments: dict[str, str],
) -> Outcome | None:
    """Act on one row: additional actions first, so that a row that failed can be sent again."""
    own = {action.argument: str(row.pk)} if action.argument else {}
    user = action.user_of(row)
    for each in additional:
        carry_out(each.action, operator=operator, user=user, reason=reason)
    return carry_out(action.action, operator=operator, user=user, reason=reason, **arguments, **own)
