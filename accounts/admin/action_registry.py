"""Actions as the admin site shows them: their registry, and buttons that lead to them."""

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

MAX_ROWS_OF_AN_ACTION = 1000
# Credentials that users have beside passwords and sessions, in the plural; other apps add theirs.
other_credentials: list[str] = []
Text = str | Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class AdminAction:
    """An action of the core as the admin site offers it on rows: users, or what belongs to them.

    `before`, `after` and `nothing_to_do` are sentences for its pages; `{rows}` in them stands for
    the rows, named by `describe`, or by `describe_briefly` where there is one, and `{credentials}`
    for `other_credentials`.
    For rows that are not users, `owner` is the field that leads to one, `argument` the argument of
    the core's action that gets the row's id, and `applicable` filters rows to act on.
    `fields` makes fields of the confirmation, `initial` their values for a single row.
    """

    action: actions.Action
    label: str
    before: Text
    after: str
    nothing_to_do: Text = "There is nothing to do"
    model: type[Model] = User
    owner: str = ""
    argument: str = ""
    applicable: Callable[[Any], QuerySet[Any]] | None = None
    describe: Callable[[Any], str] = str
    describe_briefly: Callable[[Any], str] | None = None
    fields: Callable[[], dict[str, forms.Field]] = dict
    initial: Callable[[Any], dict[str, str]] = lambda row: {}
    max_rows: int = MAX_ROWS_OF_AN_ACTION

    @property
    def name(self) -> str:
        return self.action.name

    def user_of(self, row: Any) -> User:
        found: User = getattr(row, self.owner) if self.owner else row
        return found

    def text(self, text: Text, rows: Sequence[Any] = ()) -> str:
        """Return one of the sentences, about `rows`."""
        named = self.named(rows, self.describe_briefly or self.describe)
        credentials = " and ".join(other_credentials) or "other credentials"
        words = text if isinstance(text, str) else text()
        return words.format(rows=named, credentials=credentials)

    def title(self, rows: Sequence[Any]) -> str:
        return f"{self.label}: {self.named(rows, self.describe)}"

    def named(self, rows: Sequence[Any], describe: Callable[[Any], str]) -> str:
        """Return the name of a single row, or the number of many."""
        if len(rows) == 1:
            return describe(rows[0])
        return f"{len(rows):,} {self.model._meta.verbose_name_plural}"

    @property
    def url(self) -> str:
        meta = self.model._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_action", args=[self.name])

    @property
    def too_many(self) -> str:
        """A sentence for operators who chose more than `max_rows` rows."""
        meta = self.model._meta
        rows = meta.verbose_name if self.max_rows == 1 else meta.verbose_name_plural
        return (
            f"“{self.label}” goes for at most {self.max_rows:,} {rows} at once. "
            "Nothing was done. Narrow the list down first."
        )


_registry: dict[tuple[type[Model], str], AdminAction] = {}


def register(*admin_actions: AdminAction) -> None:
    """Offer these actions, in this order."""
    _registry.update({(each.model, each.name): each for each in admin_actions})


def for_model(model: type[Model]) -> list[AdminAction]:
    return [each for each in _registry.values() if each.model is model]


def find(model: type[Model], name: str) -> AdminAction:
    """Return one action. Raises `KeyError`."""
    return _registry[model, name]


@dataclass(frozen=True)
class Button:
    """A link that looks like a button, to a page that acts on a row."""

    name: str
    label: str
    url: str
    dangerous: bool


def buttons_for_user(operator: User, user: User) -> list[Button]:
    """Return the actions that fit a user and that the operator may do, dangerous ones last."""
    ordered = sorted(
        for_model(User), key=lambda each: (each.action.dangerous, each.action.for_super_admins)
    )
    return [
        _button(each, user)
        for each in ordered
        if actions.may_carry_out(operator, each.action, user) and actions.applies(each.action, user)
    ]


def buttons_for_row(operator: User, row: Model, back: str) -> list[Button]:
    """Return the actions that fit a row of a user and that the operator may do.

    Each leads to `back` afterwards.
    """
    rows = type(row)._default_manager.filter(pk=row.pk)
    return [
        _button(each, row, back)
        for each in for_model(type(row))
        if (user := each.user_of(row))
        and actions.may_carry_out(operator, each.action, user)
        and (each.applicable is None or each.applicable(rows).exists())
    ]


def _button(action: AdminAction, row: Model, back: str = "") -> Button:
    url = link(action.name, row, back)
    return Button(action.name, action.label, url, action.action.dangerous)


def link(name: str, row: Model, back: str = "") -> str:
    """Return the address of an action on a row, as in `link("end_session", session)`.

    With `back`, the action leads there afterwards.
    """
    query = {"ids": row.pk} | ({"next": back} if back else {})
    return f"{find(type(row), name).url}?{urlencode(query)}"


def is_id(text: str, model: type[Model]) -> bool:
    """Return whether `text` has the form of a primary key of `model`."""
    key = model._meta.pk
    if isinstance(key, UUIDField):
        uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}"
        return bool(re.fullmatch(uuid, text.lower(), re.ASCII))
    pattern = r"[0-9]{1,18}" if isinstance(key, IntegerField) else r"[\w-]{1,64}"
    return bool(re.fullmatch(pattern, text, re.ASCII))
