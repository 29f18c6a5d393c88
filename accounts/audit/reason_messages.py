"""The sentence of each reason code, as a clause: what was wrong, or what was done. The only place where reasons are put into words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts import encryption
from accounts.audit.reasons import Data, Reason

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


class _Values(dict[str, Any]):
    """Data of a reason: what an erasure has emptied is an ellipsis."""

    def __missing__(self, key: str) -> str:
        return "…"


def text(code: str, data: Data) -> str:
    """The clause of a code; empty for none and for ``other``, and the code itself where another release wrote it."""
    if code not in Reason:
        return code
    words = TEXTS[Reason(code)]
    return words(data) if callable(words) else words.format_map(_Values(_readable(data)))


def told(code: str, data: Data, note: str = "") -> str:
    """The clause of a code and what an operator wrote."""
    return ": ".join(filter(None, (text(code, data), note)))


def length(seconds: int) -> str:
    """A length of time in words: ``a minute``, ``5 minutes``, ``24 hours``; days begin at two."""
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
    return {**values, "window": length(data["seconds"])} if "seconds" in data else values


def _ended(noun: str) -> Callable[[Data], str]:
    def clause(data: Data) -> str:
        count = data.get("count")
        return (
            f"{noun}s ended"
            if count is None
            else f"{count} {noun}{'' if count == 1 else 's'} ended"
        )

    return clause


def _fields(data: Data) -> str:
    source = f"from {data['source']}" if data.get("source") else ""
    return ", ".join(filter(None, (*data.get("fields", ()), source)))


def _imported(data: Data) -> str:
    return f"from {data.get('source', 'a file')}" + (
        ", with a password hash" if data.get("hashed") else ""
    )


def _identifiers(data: Data) -> str:
    found = [(name, data[name]) for name in ("username", "email") if data.get(name)]
    changes = [f"{name} {before or 'none'} → {after or 'none'}" for name, (before, after) in found]
    return ", ".join(changes)


def _export(data: Data) -> str:
    hashes = "with password hashes" if data.get("hashes") else ""
    return ", ".join(
        filter(None, (data.get("what") or data.get("filter"), data.get("format"), hashes))
    )


def _lost(data: Data) -> str:
    end = ", and ended: it had no other" if data.get("ended") else ""
    return f"{data.get('scope', 'a scope')} is for operators, and nobody granted it{end}"


def _stored(data: Data) -> str:
    secret = {True: "new secret", False: "same secret"}.get(data.get("new_secret"), "")  # type: ignore[arg-type]
    return ", ".join(filter(None, (data.get("key_id"), data.get("region"), secret)))


def _unreadable(data: Data) -> str:
    again = ", or store it again" if "provider" in data else ""
    return f"{data.get('what', 'the secret')} cannot be decrypted: {encryption.REMEDY}{again}"


TEXTS: dict[Reason, str | Callable[[Data], str]] = {
    Reason.SIGNED_IN_TO_ADMIN: "signed in to the admin",
    Reason.SIGNED_IN_TO_KEYS: "signed in to the page of API keys",
    Reason.WRONG_PASSWORD: "the password was wrong",
    Reason.NO_SUCH_ACCOUNT: "no account has this name",
    Reason.ACCOUNT_INACTIVE: "the account is deactivated",
    Reason.PASSWORD_CHANGE_REQUIRED: "the password, which was right, has to be replaced by a new one first",
    Reason.ACCOUNT_CHANGED: "the account was changed at the same moment",
    Reason.NOT_AN_OPERATOR: "the account is no operator's, though the password was right",
    Reason.DAMAGED_HASH: "the stored hash is damaged: only a reset helps",
    Reason.OVERLOADED: "{places} hashes are being computed or wait",
    Reason.CHALLENGE_INVALID: "the challenge token is none of ours, or is garbled ({detail})",
    Reason.CHALLENGE_EXPIRED: "the challenge token has expired",
    Reason.CHALLENGE_OF_ANOTHER: "the challenge token is that of another account",
    Reason.CHALLENGE_ANSWERED: "the challenge token was used before, or the account has changed since",
    Reason.GUESSES_BY_NAME: "more than {limit} wrong guesses for {who} in {window}",
    Reason.GUESSES_BY_ADDRESS: "more than {limit} wrong guesses from this address in {window}",
    Reason.ATTEMPTS_UNDER_WAY: "other attempts for the same account or from the same address are under way",
    Reason.REFRESHES_OF_TOKEN: "more than {limit} refreshes of one token in {window}",
    Reason.RESET_MAILS: "more than {limit} reset mails in {window}",
    Reason.SESSION_ENDED: "the session had ended, or the account is deactivated",
    Reason.TOKEN_EXPIRED: "it had expired",
    Reason.TOKEN_INVALID: "it is none of ours, of another kind, or garbled ({detail})",
    Reason.OTHER_CONTRACT: "it was issued by {contract}, and is good nowhere else",
    Reason.OTHER_SESSION: "it came with the access token of another session",
    Reason.OTHER_ACCOUNT: "it came with the name of another account",
    Reason.TOKEN_BLACKLISTED: "it had been spent or revoked",
    Reason.TOKEN_REUSED: "a spent refresh token was used again: one of two holders is not its owner",
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
    Reason.REVOKED: "the refresh token was revoked",
    Reason.ENDED_BY_OPERATOR: "ended by an operator",
    Reason.SIGNED_OUT_OF_ADMIN: "signed out of the admin",
    Reason.ADMIN_IDLE: "signed out of the admin: idle for too long",
    Reason.ADMIN_TOO_LONG: "signed out of the admin: signed in for too long",
    Reason.CREATED: "created",
    Reason.FIELDS: _fields,
    Reason.IMPORTED_FROM: _imported,
    Reason.SESSIONS_ENDED: _ended("session"),
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
    Reason.KEY_MISTYPED: "it is mistyped, or cut",
    Reason.NO_SUCH_KEY: "no live key of this owner has this id",
    Reason.MISSING_SCOPE: "the API key has no scope {scope}",
    Reason.SCOPE_RESERVED: "only operators grant the scope {scope}",
    Reason.SCOPE_GRANTED: "{key}, {scope}",
    Reason.OWNER_NO_OPERATOR: _lost,
    Reason.TOO_MANY_KEYS: "the owner has {limit} live keys",
    Reason.ROTATED_BEFORE: "it was rotated before",
    Reason.SUCCESSOR_OF: "successor of {key}",
    Reason.NEW_NETWORK: "{network}",
    Reason.KEYS_ENDED: _ended("key"),
    Reason.KEY_ENDED: "{key} ended",
    Reason.PROVIDER: "{provider}",
    Reason.ADMIN_REQUIRED: "the role {role} is not that of an admin",
    Reason.NOTHING_STORED: "nothing is stored",
    Reason.UNREADABLE: _unreadable,
    Reason.CREDENTIALS_STORED: _stored,
    Reason.OTHER: "",
}
