"""Messages of reason codes, each a clause: ``the password was wrong``, ``3 sessions ended``.

Reasons are put into words here and in what other apps ``register``, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from accounts import encryption
from accounts.audit.reasons import Data, Reason

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
# A template of ``str.format``, or a function of the data.
ReasonMessage = str | Callable[[Data], str]


class _Values(dict[str, Any]):
    """Data of a reason, with an ellipsis for each value that an erasure has removed."""

    def __missing__(self, key: str) -> str:
        return "…"


def register(messages: Mapping[str, ReasonMessage]) -> None:
    """Add the messages of an app's reason codes."""
    MESSAGES.update(messages)


def is_known(code: str) -> bool:
    """Return whether the code says the reason; ``other`` leaves it to the note."""
    return code in MESSAGES and code != Reason.OTHER


def text(code: str, data: Data) -> str:
    """Return the clause of a code.

    It is empty for no code and for ``other``, and the code itself if another release wrote it.
    """
    if code not in MESSAGES:
        return code
    message = MESSAGES[code]
    return message(data) if callable(message) else message.format_map(_Values(_readable(data)))


def with_note(code: str, data: Data, note: str = "") -> str:
    """Return the clause of a code and the note of an operator."""
    return ": ".join(filter(None, (text(code, data), note)))


def duration(seconds: int) -> str:
    """Return a length of time in words: ``a minute``, ``5 minutes``, ``24 hours``, ``2 days``."""
    unit, size = next(
        (unit, size)
        for unit, size in UNITS
        if seconds % size == 0 and (unit != "day" or seconds > size)
    )
    article = "an" if unit == "hour" else "a"
    return f"{seconds // size} {unit}s" if seconds != size else f"{article} {unit}"


def _readable(data: Data) -> dict[str, Any]:
    values = {"who": "one name"} | {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in data.items()
    }
    return {**values, "window": duration(data["seconds"])} if "seconds" in data else values


def count_ended(noun: str) -> Callable[[Data], str]:
    """Return a message such as ``3 sessions ended``, from ``{"count": 3}``."""

    def clause(data: Data) -> str:
        count = data.get("count")
        if count is None:
            return f"{noun}s ended"
        return f"{count} {noun}{'' if count == 1 else 's'} ended"

    return clause


def _fields(data: Data) -> str:
    source = f"from {data['source']}" if data.get("source") else ""
    return ", ".join(filter(None, (*data.get("fields", ()), source)))


def _imported(data: Data) -> str:
    hashed = ", with a password hash" if data.get("hashed") else ""
    return f"from {data.get('source', 'a file')}{hashed}"


def _identifiers(data: Data) -> str:
    found = [(name, data[name]) for name in ("username", "email") if data.get(name)]
    changes = [f"{name} {before or 'none'} → {after or 'none'}" for name, (before, after) in found]
    return ", ".join(changes)


def _export(data: Data) -> str:
    selected = data.get("what") or data.get("filter")
    hashes = "with password hashes" if data.get("hashes") else ""
    return ", ".join(filter(None, (selected, data.get("format"), hashes)))


def _unreadable(data: Data) -> str:
    again = ", or store it again" if data.keys() - {"what"} else ""
    return f"{data.get('what', 'the secret')} cannot be decrypted: {encryption.REMEDY}{again}"


MESSAGES: dict[str, ReasonMessage] = {
    Reason.SIGNED_IN_TO_ADMIN: "signed in to the admin",
    Reason.WRONG_PASSWORD: "the password was wrong",
    Reason.NO_SUCH_ACCOUNT: "no account has this name",
    Reason.ACCOUNT_INACTIVE: "the account is deactivated",
    Reason.PASSWORD_CHANGE_REQUIRED: (
        "the password, which was right, has to be replaced by a new one first"
    ),
    Reason.ACCOUNT_CHANGED: "the account was changed at the same moment",
    Reason.NOT_AN_OPERATOR: "the account is no operator's, though the password was right",
    Reason.DAMAGED_HASH: "the stored hash is damaged: only a reset helps",
    Reason.OVERLOADED: "{places} hashes are being computed or wait",
    Reason.CHALLENGE_INVALID: "the challenge token is none of ours, or is garbled ({detail})",
    Reason.CHALLENGE_EXPIRED: "the challenge token has expired",
    Reason.CHALLENGE_OF_ANOTHER: "the challenge token is that of another account",
    Reason.CHALLENGE_ANSWERED: (
        "the challenge token was used before, or the account has changed since"
    ),
    Reason.GUESSES_BY_IDENTIFIER: "more than {limit} wrong guesses for {who} in {window}",
    Reason.GUESSES_BY_ADDRESS: "more than {limit} wrong guesses from this address in {window}",
    Reason.ATTEMPTS_UNDER_WAY: (
        "other attempts for the same account or from the same address are under way"
    ),
    Reason.REFRESHES_OF_TOKEN: "more than {limit} refreshes of one token in {window}",
    Reason.RESET_MAILS: "more than {limit} reset mails in {window}",
    Reason.SESSION_ENDED: "the session had ended, or the account is deactivated",
    Reason.TOKEN_EXPIRED: "it had expired",
    Reason.TOKEN_INVALID: "it is none of ours, of another kind, or garbled ({detail})",
    Reason.OTHER_CONTRACT: "it was issued by {contract}, and is good nowhere else",
    Reason.OTHER_SESSION: "it came with the access token of another session",
    Reason.OTHER_ACCOUNT: "it came with the name of another account",
    Reason.TOKEN_BLACKLISTED: "it had been spent or revoked",
    Reason.TOKEN_REUSED: (
        "a spent refresh token was used again: one of two holders is not its owner"
    ),
    Reason.TWO_CREDENTIALS: "two different credentials came with one request",
    Reason.NO_SUCH_CODE: "the code is wrong, used or expired",
    Reason.NO_SUCH_LINK: "there is no such link: it was mistyped, cut, or deleted long ago",
    Reason.LINK_EXPIRED: "the link has expired",
    Reason.LINK_USED: "the link was used, or replaced by a newer mail",
    Reason.TOO_MANY_WRONG_CODES: "five wrong codes had ended it",
    Reason.WEAK_PASSWORD: "{rules}",
    Reason.CHANGED: "the password was changed",
    Reason.RESET_BY_LINK: "the password was reset by link",
    Reason.RESET_BY_CODE: "the password was reset by code",
    Reason.TEMPORARY_REPLACED: "the temporary password was replaced",
    Reason.PASSWORD_SET: "the password was set anew",
    Reason.LOGOUT: "logout",
    Reason.REVOKED: "a token of it was revoked",
    Reason.ENDED_BY_OPERATOR: "ended by an operator",
    Reason.SIGNED_OUT_OF_ADMIN: "signed out of the admin",
    Reason.ADMIN_IDLE: "signed out of the admin: idle for too long",
    Reason.ADMIN_TOO_LONG: "signed out of the admin: signed in for too long",
    Reason.CREATED: "created",
    Reason.FIELDS: _fields,
    Reason.IMPORTED_FROM: _imported,
    Reason.SESSIONS_ENDED: count_ended("session"),
    Reason.EVERY_SESSION_ENDED: "every session ended",
    Reason.MAILED_TO: "to {address}",
    Reason.MAIL: "mail {mail}, {kind}",
    Reason.IDENTIFIERS: _identifiers,
    Reason.ROLE: "{before} → {after}",
    Reason.EXPORT: _export,
    Reason.NOT_PERMITTED: "{act}",
    Reason.MISSING_REASON: "{act} needs a reason",
    Reason.LAST_SUPER_ADMIN: "the last super admin",
    Reason.ERASED_ALREADY: "erased already",
    Reason.NO_ADDRESS: "the account has no address",
    Reason.MAIL_OFF: "no mail is sent here",
    Reason.UNREADABLE: _unreadable,
    Reason.OTHER: "",
}
