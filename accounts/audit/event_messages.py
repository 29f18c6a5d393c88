"""Messages of audit events: one English sentence for each event, with its reason.

Other apps ``register`` messages for kinds of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from accounts.audit import reason_messages
from accounts.audit.reasons import Data, Reason
from accounts.models import AuditEvent

Kind = AuditEvent.Kind
EventMessage = Callable[[AuditEvent], str]
UNKNOWN = "An unknown user"


def register(messages: Mapping[str, EventMessage]) -> None:
    """Add the messages of an app's kinds of events."""
    MESSAGES.update(messages)


def text(event: AuditEvent) -> str:
    """Return the message of an event, with its reason where there is one.

    It reads ``user`` and ``actor``: select them with many events.
    """
    return MESSAGES[event.kind](event)


def reason_of(event: AuditEvent) -> str:
    """Return the end of a message: a colon, the reason and the note, or a full stop alone."""
    reason = reason_messages.with_note(event.reason, event.data, event.note)
    return f": {reason}." if reason else "."


def sentence(words: str) -> EventMessage:
    """Return the message that fills ``words``.

    ``{name}`` is the event's, ``{owner}`` its user and ``{actor}`` its operator. The reason follows
    the words unless they have ``{reason}``.
    """

    def message(event: AuditEvent) -> str:
        owner = str(event.user) if event.user else ""
        text = words.format(
            name=event.name or owner or UNKNOWN,
            owner=owner or "its owner",
            actor=str(event.actor or "An operator"),
            reason=reason_messages.with_note(event.reason, event.data, event.note),
        )
        return text + ("." if "{reason}" in words else reason_of(event))

    return message


def throttled(name: str, reason: str, data: Data, note: str = "") -> str:
    """Return a sentence that says which limit was exceeded, and for which name."""
    if not reason_messages.is_known(reason):
        clause = reason_messages.with_note(reason, data, note) or "too many attempts"
        return f"{name or UNKNOWN} was throttled: {clause}."
    named = {**data, "who": f"“{name}”"} if name else data
    last = f", the last of them for “{name}”" if reason == Reason.GUESSES_BY_ADDRESS else ""
    return f"Throttled: {reason_messages.with_note(reason, named, note)}{last}."


def _because(event: AuditEvent) -> str:
    """Return the reason of a refusal; its whole note where no code says it."""
    if not reason_messages.is_known(event.reason):
        return reason_of(event)
    return f" because {reason_messages.text(event.reason, event.data)}."


def _login(event: AuditEvent) -> str:
    """Return the message of a login: a code names the page; a login with the API has none."""
    name = event.name or UNKNOWN
    if reason_messages.is_known(event.reason):
        return f"{name} {reason_messages.text(event.reason, event.data)}."
    return f"{name} logged in."


def _login_failed(event: AuditEvent) -> str:
    if event.reason == Reason.NO_SUCH_ACCOUNT:
        return f"A login as “{event.name}” was refused because no account has this name."
    return f"{event.name or UNKNOWN}'s login was refused{_because(event)}"


def _throttled(event: AuditEvent) -> str:
    return throttled(event.name, event.reason, event.data, event.note)


def _refresh_failed(event: AuditEvent) -> str:
    return f"{_whose(event.name)} refresh token was refused{_because(event)}"


def _refresh_reused(event: AuditEvent) -> str:
    """Return the message of a reuse; a reason without a code of today is in the note."""
    ended = (
        ": its session ended, since one of two holders is not its owner."
        if event.reason == Reason.TOKEN_REUSED
        else reason_of(event)
    )
    return f"{_whose(event.name)} spent refresh token was used again{ended}"


def _whose(name: str) -> str:
    return f"{name}'s" if name else "A"


def _reset_failed(event: AuditEvent) -> str:
    return f"{_whose(event.name)} password reset was refused{_because(event)}"


def _account_changed(event: AuditEvent) -> str:
    if event.reason == Reason.CREATED:
        return f"{event.actor or 'An operator'} created the account {event.name}."
    return sentence("{actor} changed the account {name}")(event)


PASSWORD_CHANGES: dict[str, str] = {
    Reason.CHANGED: "changed the password",
    Reason.RESET_BY_LINK: "chose a new password with the link of a mail",
    Reason.RESET_BY_CODE: "chose a new password with the code of a mail",
    Reason.TEMPORARY_REPLACED: "chose a password in place of a temporary one",
}


def _password_changed(event: AuditEvent) -> str:
    if event.reason in PASSWORD_CHANGES:
        return f"{event.name or UNKNOWN} {PASSWORD_CHANGES[event.reason]}."
    return sentence("{name}'s password was changed")(event)


def _logout(event: AuditEvent) -> str:
    name = event.name or UNKNOWN
    if event.reason in (Reason.SIGNED_OUT_OF_ADMIN, Reason.ADMIN_IDLE, Reason.ADMIN_TOO_LONG):
        return f"{name} {reason_messages.text(event.reason, event.data)}."
    return f"{name} logged out{reason_of(event)}"


def _exported(event: AuditEvent) -> str:
    exported = "events" if event.name == "events" else "accounts"
    return f"{event.actor or 'An operator'} exported {exported}{reason_of(event)}"


def _log_changed(event: AuditEvent) -> str:
    return (
        f"The audit log was compared with its seals, and is not as it was sealed{reason_of(event)}"
    )


MESSAGES: dict[str, EventMessage] = {
    Kind.LOGIN: _login,
    Kind.LOGIN_FAILED: _login_failed,
    Kind.THROTTLED: _throttled,
    Kind.REFRESH_FAILED: _refresh_failed,
    Kind.REFRESH_REUSED: _refresh_reused,
    Kind.LOGOUT: _logout,
    Kind.REVOKE: sentence("{name}'s session was ended by revoking a token of it"),
    Kind.SESSIONS_ENDED: sentence("{actor} ended sessions of {name}"),
    Kind.ACCOUNT_CHANGED: _account_changed,
    Kind.RESET_ASKED: sentence("A password reset was asked for “{name}”"),
    Kind.RESET_FAILED: _reset_failed,
    Kind.PASSWORD_CHANGED: _password_changed,
    Kind.INVITED: sentence("{actor} invited {name}"),
    Kind.RESET_SENT: sentence("{actor} sent a reset mail for {name}"),
    Kind.TEMPORARY_PASSWORD: sentence("{actor} gave {name} a temporary password"),
    Kind.CHANGE_FORCED: sentence("{actor} demanded a new password of {name}"),
    Kind.UNLOCKED: sentence("{actor} unlocked {name}"),
    Kind.DEACTIVATED: sentence("{actor} deactivated {name}"),
    Kind.REACTIVATED: sentence("{actor} reactivated {name}"),
    Kind.IDENTIFIERS_CHANGED: sentence("{actor} changed the user name or the address of {name}"),
    Kind.ROLE_CHANGED: sentence("{actor} changed the role of {name}"),
    Kind.ACTION_REFUSED: sentence("{actor} tried what their role does not give them"),
    Kind.IMPORTED: sentence("The account {name} was imported"),
    Kind.EXPORTED: _exported,
    Kind.USER_DATA_EXPORTED: sentence("{actor} exported the data of {name}"),
    Kind.ERASED: sentence("{actor} erased a user, who is {name} from now on"),
    Kind.MAIL_SENT_AGAIN: sentence("{actor} had a mail to {name} sent again"),
    Kind.SIGNING_KEY_ROTATED: sentence(
        "{actor} rotated the signing keys; {name} signs from now on"
    ),
    Kind.SIGNING_KEY_RETIRED: sentence("{actor} retired the signing key {name} before its time"),
    Kind.LOG_CHANGED: _log_changed,
}
