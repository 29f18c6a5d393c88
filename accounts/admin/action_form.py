"""The form that confirms an action."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.admin.action_registry import AdminAction
from accounts.admin.additional_actions import AdditionalAction
from accounts.admin.reauthentication import ReauthenticationForm


class ActionForm(ReauthenticationForm):
    """The fields of the action, a box for each additional one, a reason and the password.

    Ticking a dangerous additional action makes the whole dangerous.
    """

    def __init__(
        self,
        data: Any = None,
        *,
        action: AdminAction,
        additional: Iterable[AdditionalAction] = (),
        **kwargs: Any,
    ) -> None:
        self.action, self.additional = action, list(additional)
        dangerous = action.action.dangerous or any(
            each.action.dangerous for each in self.additional if data and each.name in data
        )
        super().__init__(data, dangerous=dangerous, **kwargs)
        boxes = {each.name: each.field() for each in self.additional}
        self.fields = {**action.fields(), **boxes, **self.fields}

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of the core's action."""
        return {name: self.cleaned_data[name] for name in self.action.fields()}

    @property
    def ticked(self) -> list[AdditionalAction]:
        return [each for each in self.additional if self.cleaned_data[each.name]]
