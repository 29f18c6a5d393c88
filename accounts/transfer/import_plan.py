"""Decisions on the rows of a batch, made before any of it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from accounts.identifiers import objection_to_new
from accounts.models import User
from accounts.request_context import printable
from accounts.transfer.columns import PROFILE
from accounts.transfer.row_reader import RowRefused, UserCandidate
from accounts.transfer.seen_identifiers import Occurrence, SeenIdentifiers

ONLY_CASE = "only in case, width or space"
REPORT_COLUMNS = ("line", "username", "verdict", "reason")  # the verdict is the status
UPDATABLE = PROFILE[1:]  # all but the user name


class RowStatus(StrEnum):
    IMPORTED = "imported"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class RowResult:
    """The status of one row, or in a dry run the status that it would have."""

    line: int
    username: str
    status: RowStatus
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result by ``REPORT_COLUMNS``."""
        values = (self.line, self.username, self.status, self.reason)
        return dict(zip(REPORT_COLUMNS, values, strict=True))


@dataclass
class ImportPlan:
    """The results of a batch, the users to add and to change, and the identifiers it names."""

    results: list[RowResult] = field(default_factory=list)
    new: list[UserCandidate] = field(default_factory=list)
    changed: list[tuple[User, list[str]]] = field(default_factory=list)
    occurrences: dict[bytes, Occurrence] = field(default_factory=dict)


def make_plan(
    candidates: list[UserCandidate], seen: SeenIdentifiers, *, update: bool
) -> ImportPlan:
    """Decide on a batch, with three queries to the database and one to ``seen``."""
    planner = _Planner(candidates, seen, update)
    return planner.plan


class _Planner:
    def __init__(
        self, candidates: list[UserCandidate], seen: SeenIdentifiers, update: bool
    ) -> None:
        self.seen, self.update = seen, update
        self.existing = _ExistingUsers([each.user for each in candidates])
        self.plan = ImportPlan()
        self.plan.occurrences = seen.find(
            {digest for each in candidates for digest in self.digests(each).values()}
        )
        for each in candidates:
            self.plan.results.append(self.decide(each))

    def decide(self, each: UserCandidate) -> RowResult:
        try:
            result = self.accept(each)
        except RowRefused as error:
            return _result(each, RowStatus.REFUSED, str(error))
        self.plan.occurrences |= dict.fromkeys(self.digests(each).values(), self.occurrence(each))
        return result

    def accept(self, each: UserCandidate) -> RowResult:
        self.check_unseen(each)
        account = self.existing.with_username_of(each)
        self.existing.check_free(each, account)
        return self.keep_or_update(each, account) if account else self.add(each)

    def check_unseen(self, each: UserCandidate) -> None:
        for field_name, digest in self.digests(each).items():
            if earlier := self.plan.occurrences.get(digest):
                raise RowRefused(self.repeated(field_name, earlier, each))

    def add(self, each: UserCandidate) -> RowResult:
        if objection := objection_to_new(str(each.user.username)):
            raise RowRefused(f"username: {objection}")
        self.plan.new.append(each)
        return _result(each, RowStatus.IMPORTED, *_spelling_note(each), *each.notes)

    def keep_or_update(self, each: UserCandidate, account: User) -> RowResult:
        differing = [
            name
            for name in UPDATABLE
            if name in each.given and getattr(account, name) != getattr(each.user, name)
        ]
        if differing and self.update:
            for name in differing:
                setattr(account, name, getattr(each.user, name))
            self.plan.changed.append((account, differing))
            return _result(each, RowStatus.UPDATED, ", ".join(differing))
        differs = f"differs in {', '.join(differing)}" if differing else ""
        return _result(each, RowStatus.UNCHANGED, "there already", *_spelling_note(each), differs)

    def repeated(self, field_name: str, earlier: Occurrence, each: UserCandidate) -> str:
        if field_name == "user name" and earlier.spelling != self.occurrence(each).spelling:
            return f"the user name differs from that of line {earlier.line} {ONLY_CASE}"
        return f"the same {field_name} as in line {earlier.line}"

    def digests(self, each: UserCandidate) -> dict[str, bytes]:
        """Return the digests of what only one account has, by the words for it."""
        user = each.user
        named = {
            "user name": str(user.username),
            "e-mail address": user.email,
            "uuid": str(user.uuid) if "uuid" in each.given else None,
        }
        return {name: self.seen.digest(name, value) for name, value in named.items() if value}

    def occurrence(self, each: UserCandidate) -> Occurrence:
        return Occurrence(each.line, self.seen.digest("spelling", each.spelling))


def _result(each: UserCandidate, status: RowStatus, *notes: str) -> RowResult:
    return RowResult(each.line, str(each.user.username), status, "; ".join(filter(None, notes)))


def _spelling_note(each: UserCandidate) -> list[str]:
    if each.spelling == each.user.username:
        return []
    return [f"written {printable(each.spelling, 150)} in the file"]


class _ExistingUsers:
    """The accounts that share a user name, an e-mail address or a uuid with a batch."""

    def __init__(self, users: list[User]) -> None:
        self.by_username = self.read("username", [user.username for user in users])
        self.by_email = self.read("email", [user.email for user in users if user.email])
        self.by_uuid = self.read("uuid", [user.uuid for user in users])

    def read(self, column: str, values: list[Any]) -> dict[Any, User]:
        found = User.objects.filter(**{f"{column}__in": values})
        return {getattr(user, column): user for user in found}

    def with_username_of(self, each: UserCandidate) -> User | None:
        account = self.by_username.get(each.user.username)
        if account and "uuid" in each.given and account.uuid != each.user.uuid:
            raise RowRefused("the user name belongs to another account, with another uuid")
        return account

    def check_free(self, each: UserCandidate, account: User | None) -> None:
        """Raise ``RowRefused`` if another account has the e-mail address or the uuid."""
        pk = account.pk if account else None
        for name, owner in (
            ("e-mail address", self.by_email.get(each.user.email)),
            ("uuid", self.by_uuid.get(each.user.uuid)),
        ):
            if owner and owner.pk != pk:
                raise RowRefused(f"the {name} belongs to {owner.username}")
