"""What happened, in plain English: one sentence for each event, and for a refusal also what the client was told and what helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import AuditEvent
from accounts.refusals import Refusal

Kind = AuditEvent.Kind
WINDOWS = {"s": "a second", "m": "a minute", "h": "an hour", "d": "a day"}


def sentence(event: AuditEvent) -> str:
    """What happened, with the reason where there is one. Reads ``user`` and ``actor``: select them with many events."""
    return SENTENCES[Kind(event.kind)](event)


def _why(event: AuditEvent) -> str:
    return f": {event.reason}." if event.reason else "."


def _plain(words: str) -> Callable[[AuditEvent], str]:
    """With ``{name}`` (as typed, or as it was then), ``{owner}``, ``{actor}`` and ``{reason}``, which follows where it is not named."""

    def told(event: AuditEvent) -> str:
        owner = str(event.user) if event.user else ""
        parts = {"name": event.name or owner or "Somebody", "owner": owner or "its owner", "actor": str(event.actor or "An operator")}
        text = words.format(**parts, reason=event.reason)
        return text + ("." if "{reason}" in words else _why(event))

    return told


def _login(event: AuditEvent) -> str:
    name = event.name or "Somebody"
    return f"{name} signed in to the admin." if event.reason == "signed in to the admin" else f"{name} logged in."


LOGIN_REFUSALS = {
    "wrong password": "the password was wrong",
    "account is not active": "the account is deactivated",
    "password must be changed": "the password, which was right, has to be replaced by a new one first",
    "account changed during login": "the account was changed at the same moment",
    "no operator": "the account is no operator's, though the password was right",
}


def _login_failed(event: AuditEvent) -> str:
    if event.reason == "no such account":
        return f"A login as “{event.name}” was refused because no account has this name."
    because = LOGIN_REFUSALS.get(event.reason)
    if event.reason.startswith("challenge: "):
        because = f"the proof of the temporary password no longer counts ({event.reason.removeprefix('challenge: ')})"
    return f"{event.name or 'Somebody'}'s login was refused" + (f" because {because}." if because else _why(event))


def _throttled(event: AuditEvent) -> str:
    return throttled(event.name, event.reason)


def throttled(name: str, reason: str) -> str:
    found = re.fullmatch(r"more than (\d+)/(\d*)([smhd]) (?:wrong guesses|of (.+?))(?: by (name|address))?", reason)
    if not found:
        return f"{name or 'Somebody'} was throttled: {reason}."
    count, length, unit, group, budget = found.groups()
    window = WINDOWS[unit] if length in ("", "1") else f"{length} {WINDOWS[unit].split()[1]}s"
    if budget is None:
        return f"Throttled: more than {count} {group} in {window}."
    if budget == "address":
        return f"Throttled: more than {count} wrong guesses from this address in {window}, the last of them for “{name}”."
    return f"Throttled: more than {count} wrong guesses for “{name}” in {window}."


REFRESH_REFUSALS = {
    "session ended": "the session had ended, or the account is deactivated",
    "access token of another session": "it came with the access token of another session",
    "name of another account": "it came with the name of another account",
    "refresh token blacklisted": "it had been spent or revoked",
}


def _refresh_failed(event: AuditEvent) -> str:
    because = REFRESH_REFUSALS.get(event.reason) or event.reason or "it opens nothing"
    if event.reason.startswith("issued by "):
        because = f"it was {event.reason}, and is good nowhere else"
    return f"{_whose(event.name)} refresh token was refused because {because}."


def _whose(name: str) -> str:
    return f"{name}'s" if name else "A"


RESET_REFUSALS = {
    "no such account": "no account has this name",
    "no such code": "the code is wrong, used or expired",
    "no such link": "there is no such link: it was mistyped, cut, or deleted long ago",
    "link expired": "the link has expired",
    "link used, or replaced by a newer mail": "the link was used, or replaced by a newer mail",
    "too many wrong codes": "five wrong codes had ended it",
    "account is not active": "the account is deactivated",
}


def _reset_failed(event: AuditEvent) -> str:
    return f"{_whose(event.name)} password reset was refused because {RESET_REFUSALS.get(event.reason, event.reason)}."


def _account_changed(event: AuditEvent) -> str:
    if event.reason == "created":
        return _plain("{actor} created the account {name}")(event).replace(": created", "")
    return _plain("{actor} changed the account {name}")(event)


def _password_changed(event: AuditEvent) -> str:
    ways = {
        "changed": "changed the password",
        "reset by link": "chose a new password with the link of a mail",
        "reset by code": "chose a new password with the code of a mail",
        "chosen in place of a temporary one": "chose a password in place of a temporary one",
    }
    return f"{event.name or 'Somebody'} {ways[event.reason]}." if event.reason in ways else _plain("{name}'s password was changed")(event)


def _logout(event: AuditEvent) -> str:
    name = event.name or "Somebody"
    if event.reason.startswith("signed out of the admin"):
        return f"{name} {event.reason}."
    return f"{name} logged out{_why(event)}"


def _exported(event: AuditEvent) -> str:
    return f"{event.actor or 'An operator'} exported {'events' if event.name == 'events' else 'accounts'}{_why(event)}"


SENTENCES: dict[Kind, Callable[[AuditEvent], str]] = {
    Kind.LOGIN: _login,
    Kind.LOGIN_FAILED: _login_failed,
    Kind.THROTTLED: _throttled,
    Kind.REFRESH_FAILED: _refresh_failed,
    Kind.REFRESH_REUSED: _plain("{name}'s spent refresh token was used again"),
    Kind.LOGOUT: _logout,
    Kind.REVOKE: _plain("{name}'s session was ended by revoking its refresh token"),
    Kind.SESSIONS_ENDED: _plain("{actor} ended sessions of {name}"),
    Kind.ACCOUNT_CHANGED: _account_changed,
    Kind.RESET_ASKED: _plain("A password reset was asked for “{name}”"),
    Kind.RESET_FAILED: _reset_failed,
    Kind.PASSWORD_CHANGED: _password_changed,
    Kind.KEY_CREATED: _plain("{owner} created the API key {name}"),
    Kind.KEY_ROTATED: _plain("{owner} rotated an API key; the new one is {name}"),
    Kind.KEY_GRANTED: _plain("{actor} granted an API key of {name} a scope"),
    Kind.KEY_DELETED: _plain("The API key {name} of {owner} was ended"),
    Kind.KEY_LEAKED: _plain("The API key {name} of {owner} was reported as leaked, and ended"),
    Kind.KEY_USED_FROM_NEW_ADDRESS: _plain("The API key {name} of {owner} was used from a network where it was not seen before"),
    Kind.CREDENTIALS_VIEWED: _plain("{name} looked at the masked credentials of {reason}"),
    Kind.CREDENTIALS_REFUSED: _plain("{name} was refused a look at the credentials of a provider"),
    Kind.CREDENTIALS_CHANGED: _plain("{actor} stored the credentials of {name}"),
    Kind.CREDENTIALS_DELETED: _plain("{actor} deleted the credentials of {name}"),
    Kind.INVITED: _plain("{actor} invited {name}"),
    Kind.RESET_SENT: _plain("{actor} sent a reset mail for {name}"),
    Kind.TEMPORARY_PASSWORD: _plain("{actor} gave {name} a temporary password"),
    Kind.CHANGE_FORCED: _plain("{actor} demanded a new password of {name}"),
    Kind.UNLOCKED: _plain("{actor} unlocked {name}"),
    Kind.DEACTIVATED: _plain("{actor} deactivated {name}"),
    Kind.REACTIVATED: _plain("{actor} reactivated {name}"),
    Kind.ROLE_CHANGED: _plain("{actor} changed the role of {name}"),
    Kind.KEYS_ENDED: _plain("{actor} ended API keys of {name}"),
    Kind.ACT_REFUSED: _plain("{actor} tried what their role does not give them"),
    Kind.IMPORTED: _plain("The account {name} was imported"),
    Kind.EXPORTED: _exported,
    Kind.PERSON_EXPORTED: _plain("{actor} exported the data of {name}"),
    Kind.ERASED: _plain("{actor} erased a person, who is {name} from now on"),
    Kind.MAIL_SENT_AGAIN: _plain("{actor} had a mail to {name} sent again"),
    Kind.SIGNING_KEY_ROTATED: _plain("{actor} rotated the signing keys; {name} signs from now on"),
    Kind.SIGNING_KEY_RETIRED: _plain("{actor} retired the signing key {name} before its time"),
}


# Refusals


@dataclass(frozen=True)
class Explanation:
    """Why a request was refused, what its client was told, and what an operator can do."""

    sentence: str
    told: str = ""
    advice: str = ""


def of_refusal(refusal: Refusal) -> Explanation:
    """What the request's own refusal tells."""
    words = f"“{refusal.told}” (status {refusal.status})" if refusal.told else f"Status {refusal.status}."
    say, advice = REFUSALS.get(refusal.error, (_other, ""))
    if advice == UNLOCK and " by name" not in refusal.reason:
        advice = "It ends by itself. If many people share the address, such as behind a proxy, look at TRUSTED_PROXIES and the limits."
    return Explanation(say(refusal), words, advice)


def of_event(event: AuditEvent) -> Explanation:
    """What an event tells of its request: the words of the answer are not on the trail, but what they can have said is known."""
    told, advice = TOLD.get(Kind(event.kind), ("", ""))
    if event.kind == Kind.LOGIN_FAILED:
        advice = LOGIN_ADVICE.get(event.reason, advice)
    return Explanation(sentence(event), told, advice)


UNLOCK = (
    "Unlocking the account renews its budgets at once; so does a reset mail that is used. Otherwise it ends by itself. "
    "From a network where the account has signed in lately, it does so all the while."
)
LOG_IN = "The person has to log in again. Nothing else is needed, unless it happens again and again."
NEW_MAIL = "Send a reset mail: only its newest link and code are good, once, and for a limited time."
LOGIN_ADVICE = {
    "wrong password": "Send a reset mail if the person has forgotten the password.",
    "no such account": "Ask how the person writes the name, look for it among the accounts, or invite them.",
    "account is not active": "Reactivate the account, if that is what should be.",
    "password must be changed": "The person chooses a new password on the page /change-password, or with the reset mail that was sent now.",
}
VAGUE = "Only that the name or the password is wrong, whichever it was."
TOLD = {
    Kind.LOGIN_FAILED: (VAGUE, "The person has to log in again from the beginning."),
    Kind.THROTTLED: ("That there were too many attempts, and when to try again.", UNLOCK),
    Kind.REFRESH_FAILED: ("Only that the refresh token is invalid or expired.", LOG_IN),
    Kind.REFRESH_REUSED: (
        "Only that the refresh token is invalid or expired.",
        "Somebody else may hold a copy of the token, or the client sent an old one. Its session is ended: the person logs in again. "
        "If they know of no second device, end all sessions and send a reset mail.",
    ),
    Kind.RESET_FAILED: ("Only that the link or the code is invalid or expired.", NEW_MAIL),
    Kind.CREDENTIALS_REFUSED: ("That this is for admins, or that nothing is stored.", ""),
    Kind.ACT_REFUSED: ("That the role does not allow it.", "A super admin can do it, or change the role."),
}


def _by(refusal: Refusal) -> str:
    return f"{refusal.name}'s " if refusal.name else "A "


def _invalid_credentials(refusal: Refusal) -> str:
    return f"{_by(refusal)}login was refused: {refusal.reason or 'the name, the password or the state of the account was wrong'}."


def _invalid_token(refusal: Refusal) -> str:
    if refusal.reason == "session ended":
        return "The access token was refused because its session had ended, or its account is deactivated."
    if "expired" in refusal.reason:
        return "The access token was refused because it had expired."
    return f"The access token was refused because it is none of ours, or is garbled ({refusal.reason or 'no more is known'})."


def _invalid_refresh_token(refusal: Refusal) -> str:
    if refusal.reason.startswith("spent"):
        return f"{_by(refusal)}refresh token was refused because it had been spent before; its session was ended."
    if "expired" in refusal.reason:
        return "The refresh token was refused because it had expired."
    because = REFRESH_REFUSALS.get(refusal.reason) or f"it is none of ours, of another kind, or garbled ({refusal.reason})"
    if refusal.reason.startswith("issued by "):
        because = f"it was {refusal.reason}, and is good nowhere else"
    return f"{_by(refusal)}refresh token was refused because {because}."


def _invalid_key(refusal: Refusal) -> str:
    if refusal.name:
        return f"The API key {refusal.name} was refused: it was ended, has expired, its owner is deactivated, or its secret part is wrong."
    return f"The API key was refused because it is {refusal.reason}: its checksum does not fit."


def _too_many(refusal: Refusal) -> str:
    ends = f" It ends at {refusal.ends_at:%H:%M} UTC." if refusal.ends_at else ""
    return throttled(refusal.name, refusal.reason) + ends


def _reset(refusal: Refusal) -> str:
    return (
        f"{_by(refusal)}password reset was refused because {RESET_REFUSALS.get(refusal.reason, refusal.reason or 'the proof was wrong')}."
    )


def _other(refusal: Refusal) -> str:
    if refusal.status >= 500:
        return "The service itself failed: its log has the fault under this request id."
    return f"The request was refused: {refusal.reason or refusal.told}."


ASK_AGAIN = "The client program has to send its request as the document of its contract says."
REFUSALS: dict[str, tuple[Callable[[Refusal], str], str]] = {
    "InvalidCredentials": (_invalid_credentials, "The person has to try again."),
    "UnknownAccount": (lambda refusal: "The login was refused because no account has this name.", LOGIN_ADVICE["no such account"]),
    "InvalidToken": (_invalid_token, "The client refreshes its token, or the person logs in again."),
    "InvalidRefreshToken": (_invalid_refresh_token, LOG_IN),
    "InvalidKey": (_invalid_key, "Look the key up by its id; its owner can create another, or rotate it."),
    "InvalidReset": (_reset, NEW_MAIL),
    "InvalidCode": (_reset, NEW_MAIL),
    "InvalidChallenge": (
        lambda refusal: f"The new password was refused because the proof of the temporary one no longer counts ({refusal.reason}).",
        "The person logs in with the temporary password once more, and has fifteen minutes then.",
    ),
    "PasswordChangeRequired": (
        lambda refusal: f"{_by(refusal)}password was right, but a new one has to be chosen first.",
        LOGIN_ADVICE["password must be changed"],
    ),
    "TooManyAttempts": (_too_many, UNLOCK),
    "AttemptsUnderWay": (
        lambda refusal: f"As many logins of {refusal.name or 'the account'} were being checked at this moment as may still be wrong.",
        "Nothing is locked: the client asks again after a second.",
    ),
    "HashingOverloaded": (
        lambda refusal: f"The password was not looked at: too many were being checked at that moment ({refusal.reason}).",
        "The person tries again. If it happens often, add processors or nodes, or look who floods the logins.",
    ),
    "WeakPassword": (lambda refusal: f"The new password was refused: {refusal.reason}", "The person chooses another password."),
    "EmailDisabled": (lambda refusal: "A mail was asked for, but none is sent here.", "Set EMAILS_ENABLED, or give a temporary password."),
    "NotAuthenticated": (lambda refusal: "The request came without a token or key.", ASK_AGAIN),
    "ValidationError": (lambda refusal: "The request lacked something, or had it in the wrong form.", ASK_AGAIN),
    "ParseError": (lambda refusal: "The body of the request could not be read.", ASK_AGAIN),
    "UnsupportedMediaType": (lambda refusal: "The body of the request was in a format that is not read here.", ASK_AGAIN),
    "MethodNotAllowed": (lambda refusal: "This address does not take this method.", ASK_AGAIN),
    "Http404": (lambda refusal: "There is nothing at this address.", ASK_AGAIN),
    "KeyNotFound": (lambda refusal: f"There is no such API key: {refusal.reason}.", "Look the key up by its id."),
    "TooManyKeys": (lambda refusal: f"No further API key: {refusal.reason}.", "The owner deletes a key first."),
    "ScopeReserved": (
        lambda refusal: f"No API key was made: {refusal.reason}.",
        "The owner makes a key without this scope, and an operator grants it on the key's page.",
    ),
    "AlreadyRotated": (lambda refusal: "The API key has a successor already.", "The owner rotates the newest key."),
    "AdminRequired": (lambda refusal: f"Only admins may do this: {refusal.reason}.", ""),
}
