"""Reading a row of a file as a user, and refusing values that no user may have."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from accounts.hashing.imported_formats import RefusedHash, stored
from accounts.identifiers import RESERVED_CODE, normalise
from accounts.models import ROLES, User
from accounts.transfer.columns import DATES, FLAGS, PROFILE
from accounts.transfer.file_reader import FileRow
from accounts.validators import MaximumLengthValidator

BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
NOT_IN_FILES = ("password", "id", "credential_version", "erased_at", "updated_at")


class RowRefused(ValueError):
    """A row that no user can be made from; the text is the reason."""


@dataclass
class UserCandidate:
    """A user read from a row: valid, but perhaps not unique among users."""

    line: int
    spelling: str  # of the user name, as in the file
    user: User
    given: tuple[str, ...]  # the columns with a value
    created_at: datetime | None = None
    password: str | None = field(default=None, repr=False)
    notes: list[str] = field(default_factory=list)
    hashed: bool = False  # whether the row gave a hash


def read_candidate(row: FileRow, *, roles: bool, hashes: bool, accept_weak: bool) -> UserCandidate:
    """Return the user that a row describes; raise ``RowRefused`` otherwise."""
    if row.fault:
        raise RowRefused(row.fault)
    values = {name: value for name, value in row.values.items() if value not in (None, "")}
    spelling = _text(values, "username")
    if not normalise(spelling):
        raise RowRefused("username: there is none")
    user = _read_user(values)
    given = tuple(name for name in (*PROFILE, *FLAGS, *DATES, "uuid") if name in values)
    found = UserCandidate(row.line, spelling, user, given, user.created_at)
    _read_role(found, values, roles)
    _check(user)
    _read_password(found, values, hashes, accept_weak)
    return found


def _read_user(values: dict[str, Any]) -> User:
    user = User()
    for name in PROFILE:
        if name in values:
            setattr(user, name, _text(values, name))
    for name in FLAGS:
        if name in values:
            setattr(user, name, _flag(values[name], name))
    for name in DATES:
        setattr(user, name, _date_and_time(values[name], name) if name in values else None)
    if "uuid" in values:
        user.uuid = _uuid(values["uuid"])
    return user


def _read_role(found: UserCandidate, values: dict[str, Any], roles: bool) -> None:
    role = _text(values, "role") or "user"
    if role not in ROLES:
        raise RowRefused(f"role: none of {', '.join(ROLES)}")
    if role != "user" and not roles:
        raise RowRefused(f"role: {role}s are not imported unless that is asked for (--roles)")
    found.user.is_staff, found.user.is_superuser = ROLES[role]


def _check(user: User) -> None:
    """Raise ``RowRefused`` for values that no user may have.

    Names that no new user may have are refused later, for users that are new.
    """
    try:
        user.clean_fields(exclude=NOT_IN_FILES)
    except ValidationError as error:
        found = {
            name: [text for each in errors if each.code != RESERVED_CODE for text in each.messages]
            for name, errors in error.error_dict.items()
        }
        if faults := [f"{name}: {' '.join(texts)}" for name, texts in found.items() if texts]:
            raise RowRefused("; ".join(faults)) from error


def _read_password(
    found: UserCandidate, values: dict[str, Any], hashes: bool, accept_weak: bool
) -> None:
    if "password" in values and "password_hash" in values:
        raise RowRefused("password: give it plain or hashed, not both")
    if "password_hash" in values:
        if not hashes:
            raise RowRefused("password_hash: only super admins import password hashes")
        found.hashed = True
        try:
            found.user.password = stored(_text(values, "password_hash"))
        except RefusedHash as error:
            raise RowRefused(f"password_hash: {error}") from error
        return
    found.user.password = make_password(None)
    if "password" not in values:
        found.notes.append("without a password: its owner has to reset it")
        return
    found.password = _text(values, "password")
    _check_strength(found, accept_weak)


def _check_strength(found: UserCandidate, accept_weak: bool) -> None:
    password = found.password or ""
    try:
        validate_password(password, found.user)
    except ValidationError as error:
        if not accept_weak or len(password) > MaximumLengthValidator.longest:
            raise RowRefused(f"password: {' '.join(error.messages)}") from error
        found.user.must_change_password = True
        found.notes.append("a weak password: it has to be changed at the first login")


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise RowRefused(f"{name}: not text")
    if "\0" in value or not _encodable(value):
        raise RowRefused(f"{name}: holds what is no character")
    return value


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold
        return False
    return True


def _flag(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() not in BOOLEANS:
        raise RowRefused(f"{name}: neither true nor false")
    return BOOLEANS[str(value).strip().lower()]


def _uuid(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise RowRefused("uuid: none") from error


def _date_and_time(value: Any, name: str) -> datetime:
    try:
        moment = parse_datetime(value.strip()) if isinstance(value, str) else None
        if moment is not None:
            return (moment.replace(tzinfo=UTC) if is_naive(moment) else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RowRefused(f"{name}: no date and time such as 2026-01-31T12:00:00Z")
