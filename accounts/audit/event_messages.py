"""What happened, in plain English: one sentence for each event, and for a refusal also what the client was told and what helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accounts.audit import reason_messages
from accounts.audit.reasons import Data, Reason
from accounts.audit.recent_refusals import Refusal
from accounts.models import AuditEvent

Kind = AuditEvent.Kind


def sentence(event: AuditEvent) -> str:
    """What happened, with the reason where there is one. Reads ``user`` and ``actor``: select them with many events."""
    return SENTENCES[Kind(event.kind)](event)


def _why(event: AuditEvent) -> str:
    told = reason_messages.told(event.reason, event.data, event.note)
    return f": {told}." if told else "."


def _because(event: AuditEvent) -> str:
    """The reason of a refusal; the whole note where no code says it."""
    return (
        f" because {reason_messages.text(event.reason, event.data)}."
        if event.reason in KNOWN
        else _why(event)
    )


KNOWN = frozenset(set(Reason) - {Reason.OTHER})


def _plain(words: str) -> Callable[[AuditEvent], str]:
    """With ``{name}`` (as typed, or as it was then), ``{owner}``, ``{actor}`` and ``{reason}``, which follows where it is not named."""

    def told(event: AuditEvent) -> str:
        owner = str(event.user) if event.user else ""
        parts = {
            "name": event.name or owner or "Somebody",
            "owner": owner or "its owner",
            "actor": str(event.actor or "An operator"),
        }
        text = words.format(
            **parts, reason=reason_messages.told(event.reason, event.data, event.note)
        )
        return text + ("." if "{reason}" in words else _why(event))

    return told


def _login(event: AuditEvent) -> str:
    name = event.name or "Somebody"
    pages = (Reason.SIGNED_IN_TO_ADMIN, Reason.SIGNED_IN_TO_KEYS)
    return (
        f"{name} {reason_messages.text(event.reason, event.data)}."
        if event.reason in pages
        else f"{name} logged in."
    )


def _login_failed(event: AuditEvent) -> str:
    if event.reason == Reason.NO_SUCH_ACCOUNT:
        return f"A login as “{event.name}” was refused because no account has this name."
    return f"{event.name or 'Somebody'}'s login was refused{_because(event)}"


def _throttled(event: AuditEvent) -> str:
    return throttled(event.name, event.reason, event.data, event.note)


def throttled(name: str, reason: str, data: Data, note: str = "") -> str:
    """Return a sentence that says which limit was exceeded, and for which name."""
    told = reason_messages.told(reason, {**data, "who": f"“{name}”"} if name else data, note)
    if reason not in KNOWN:
        return f"{name or 'Somebody'} was throttled: {told or 'too many attempts'}."
    last = f", the last of them for “{name}”" if reason == Reason.GUESSES_BY_ADDRESS else ""
    return f"Throttled: {told}{last}."


def _refresh_failed(event: AuditEvent) -> str:
    return f"{_whose(event.name)} refresh token was refused{_because(event)}"


def _refresh_reused(event: AuditEvent) -> str:
    """The code says no more than the kind; a note is that of a stored sentence."""
    ended = (
        ": its session ended, since one of two holders is not its owner."
        if event.reason == Reason.TOKEN_REUSED
        else _why(event)
    )
    return f"{_whose(event.name)} spent refresh token was used again{ended}"


def _whose(name: str) -> str:
    return f"{name}'s" if name else "A"


def _reset_failed(event: AuditEvent) -> str:
    return f"{_whose(event.name)} password reset was refused{_because(event)}"


def _account_changed(event: AuditEvent) -> str:
    if event.reason == Reason.CREATED:
        return f"{event.actor or 'An operator'} created the account {event.name}."
    return _plain("{actor} changed the account {name}")(event)


PASSWORD_CHANGES = {
    Reason.CHANGED: "changed the password",
    Reason.RESET_BY_LINK: "chose a new password with the link of a mail",
    Reason.RESET_BY_CODE: "chose a new password with the code of a mail",
    Reason.TEMPORARY_REPLACED: "chose a password in place of a temporary one",
}


def _password_changed(event: AuditEvent) -> str:
    if event.reason in PASSWORD_CHANGES:
        return f"{event.name or 'Somebody'} {PASSWORD_CHANGES[Reason(event.reason)]}."
    return _plain("{name}'s password was changed")(event)


def _logout(event: AuditEvent) -> str:
    name = event.name or "Somebody"
    if event.reason in (Reason.SIGNED_OUT_OF_ADMIN, Reason.ADMIN_IDLE, Reason.ADMIN_TOO_LONG):
        return f"{name} {reason_messages.text(event.reason, event.data)}."
    return f"{name} logged out{_why(event)}"


def _credentials_refused(event: AuditEvent) -> str:
    asked = f" of {event.data['provider']}" if event.data.get("provider") else ""
    return f"{event.name or 'Somebody'} was refused a look at the credentials{asked or ' of a provider'}{_why(event)}"


def _exported(event: AuditEvent) -> str:
    return f"{event.actor or 'An operator'} exported {'events' if event.name == 'events' else 'accounts'}{_why(event)}"


SENTENCES: dict[Kind, Callable[[AuditEvent], str]] = {
    Kind.LOGIN: _login,
    Kind.LOGIN_FAILED: _login_failed,
    Kind.THROTTLED: _throttled,
    Kind.REFRESH_FAILED: _refresh_failed,
    Kind.REFRESH_REUSED: _refresh_reused,
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
    Kind.KEY_SCOPE_LOST: _plain("The API key {name} of {owner} lost a scope"),
    Kind.KEY_DELETED: _plain("The API key {name} was ended by {owner}"),
    Kind.KEY_LEAKED: _plain("The API key {name} of {owner} was reported as leaked, and ended"),
    Kind.KEY_USED_FROM_NEW_ADDRESS: _plain(
        "The API key {name} of {owner} was used from a network where it was not seen before"
    ),
    Kind.CREDENTIALS_VIEWED: _plain("{name} looked at the masked credentials of {reason}"),
    Kind.CREDENTIALS_REFUSED: _credentials_refused,
    Kind.CREDENTIALS_CHANGED: _plain("{actor} stored the credentials of {name}"),
    Kind.CREDENTIALS_DELETED: _plain("{actor} deleted the credentials of {name}"),
    Kind.INVITED: _plain("{actor} invited {name}"),
    Kind.RESET_SENT: _plain("{actor} sent a reset mail for {name}"),
    Kind.TEMPORARY_PASSWORD: _plain("{actor} gave {name} a temporary password"),
    Kind.CHANGE_FORCED: _plain("{actor} demanded a new password of {name}"),
    Kind.UNLOCKED: _plain("{actor} unlocked {name}"),
    Kind.DEACTIVATED: _plain("{actor} deactivated {name}"),
    Kind.REACTIVATED: _plain("{actor} reactivated {name}"),
    Kind.IDENTIFIERS_CHANGED: _plain("{actor} changed the user name or the address of {name}"),
    Kind.ROLE_CHANGED: _plain("{actor} changed the role of {name}"),
    Kind.KEYS_ENDED: _plain("{actor} ended API keys of {name}"),
    Kind.ACTION_REFUSED: _plain("{actor} tried what their role does not give them"),
    Kind.IMPORTED: _plain("The account {name} was imported"),
    Kind.EXPORTED: _exported,
    Kind.PERSON_EXPORTED: _plain("{actor} exported the data of {name}"),
    Kind.ERASED: _plain("{actor} erased a person, who is {name} from now on"),
    Kind.MAIL_SENT_AGAIN: _plain("{actor} had a mail to {name} sent again"),
    Kind.SIGNING_KEY_ROTATED: _plain("{actor} rotated the signing keys; {name} signs from now on"),
    Kind.SIGNING_KEY_RETIRED: _plain("{actor} retired the signing key {name} before its time"),
    Kind.LOG_CHANGED: lambda event: (
        f"The audit log was compared with its seals, and is not as it was sealed{_why(event)}"
    ),
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
    words = (
        f"“{refusal.told}” (status {refusal.status})"
        if refusal.told
        else f"Status {refusal.status}."
    )
    say, advice = REFUSALS.get(refusal.error, (_other, ""))
    if advice == UNLOCK and refusal.reason != Reason.GUESSES_BY_NAME:
        advice = "It ends by itself. If many people share the address, such as behind a proxy, look at TRUSTED_PROXIES and the limits."
    return Explanation(say(refusal), words, advice)


def of_event(event: AuditEvent) -> Explanation:
    """What an event tells of its request: the words of the answer are not in the audit log, but what they can have said is known."""
    told, advice = TOLD.get(Kind(event.kind), ("", ""))
    if event.kind == Kind.LOGIN_FAILED:
        advice = LOGIN_ADVICE.get(event.reason, advice)
    return Explanation(sentence(event), told, advice)


UNLOCK = (
    "Unlocking the account renews its budgets at once; so does a reset mail that is used. Otherwise it ends by itself. "
    "From a network where the account has signed in lately, it does so all the while."
)
LOG_IN = (
    "The person has to log in again. Nothing else is needed, unless it happens again and again."
)
NEW_MAIL = (
    "Send a reset mail: only its newest link and code are good, once, and for a limited time."
)
LOGIN_ADVICE: dict[str, str] = {
    Reason.WRONG_PASSWORD: "Send a reset mail if the person has forgotten the password.",
    Reason.NO_SUCH_ACCOUNT: "Ask how the person writes the name, look for it among the accounts, or invite them.",
    Reason.ACCOUNT_INACTIVE: "Reactivate the account, if that is what should be.",
    Reason.PASSWORD_CHANGE_REQUIRED: (
        "The person chooses a new password on the page /change-password, or with the reset mail that was sent now."
    ),
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
    Kind.ACTION_REFUSED: (
        "That the role does not allow it.",
        "A super admin can do it, or change the role.",
    ),
}


def _by(refusal: Refusal) -> str:
    return f"{refusal.name}'s " if refusal.name else "A "


def _said(refusal: Refusal, otherwise: str = "no more is known") -> str:
    return reason_messages.text(refusal.reason, refusal.data) or otherwise


def _invalid_credentials(refusal: Refusal) -> str:
    return f"{_by(refusal)}login was refused because {_said(refusal, 'the name, the password or the state of the account was wrong')}."


def _invalid_token(refusal: Refusal) -> str:
    if refusal.reason == Reason.SESSION_ENDED:
        return "The access token was refused because its session had ended, or its account is deactivated."
    return f"The access token was refused because {_said(refusal, 'it is none of ours, or is garbled')}."


def _invalid_refresh_token(refusal: Refusal) -> str:
    if refusal.reason == Reason.TOKEN_REUSED:
        return f"{_by(refusal)}refresh token was refused because it had been spent before; its session was ended."
    return f"{_by(refusal)}refresh token was refused because {_said(refusal, 'it opens nothing')}."


def _invalid_key(refusal: Refusal) -> str:
    if refusal.name:
        return f"The API key {refusal.name} was refused: it was ended, has expired, its owner is deactivated, or its secret part is wrong."
    return f"The API key was refused because {_said(refusal)}: its checksum does not fit."


def _too_many(refusal: Refusal) -> str:
    ends = f" It ends at {refusal.ends_at:%H:%M} UTC." if refusal.ends_at else ""
    return throttled(refusal.name, refusal.reason, refusal.data) + ends


def _reset(refusal: Refusal) -> str:
    return f"{_by(refusal)}password reset was refused because {_said(refusal, 'the reset token or the reset code was wrong')}."


def _other(refusal: Refusal) -> str:
    if refusal.status >= 500:
        return "The service itself failed: its log has the fault under this request id."
    return f"The request was refused: {_said(refusal, refusal.told)}."


ASK_AGAIN = "The client program has to send its request as the document of its contract says."
REFUSALS: dict[str, tuple[Callable[[Refusal], str], str]] = {
    "InvalidCredentials": (_invalid_credentials, "The person has to try again."),
    "UnknownAccount": (
        lambda refusal: "The login was refused because no account has this name.",
        LOGIN_ADVICE[Reason.NO_SUCH_ACCOUNT],
    ),
    "InvalidToken": (
        _invalid_token,
        "The client refreshes its token, or the person logs in again.",
    ),
    "InvalidRefreshToken": (_invalid_refresh_token, LOG_IN),
    "InvalidKey": (
        _invalid_key,
        "Look the key up by its id; its owner can create another, or rotate it.",
    ),
    "InvalidReset": (_reset, NEW_MAIL),
    "InvalidCode": (_reset, NEW_MAIL),
    "InvalidChallenge": (
        lambda refusal: f"The new password was refused because {_said(refusal)}.",
        "The person logs in with the temporary password once more, and has fifteen minutes then.",
    ),
    "PasswordChangeRequired": (
        lambda refusal: f"{_by(refusal)}password was right, but a new one has to be chosen first.",
        LOGIN_ADVICE[Reason.PASSWORD_CHANGE_REQUIRED],
    ),
    "TooManyAttempts": (_too_many, UNLOCK),
    "AttemptsUnderWay": (
        lambda refusal: (
            f"As many logins of {refusal.name or 'the account'} were being checked at this moment as may still be wrong."
        ),
        "Nothing is locked: the client asks again after a second.",
    ),
    "HashingOverloaded": (
        lambda refusal: (
            f"The password was not looked at: too many were being checked at that moment ({_said(refusal)})."
        ),
        "The person tries again. If it happens often, add processors or nodes, or look who floods the logins.",
    ),
    "WeakPassword": (
        lambda refusal: (
            f"The new password was refused: {' '.join(refusal.data.get('rules', ['it breaks a rule.']))}"
        ),
        "The person chooses another password.",
    ),
    "EmailDisabled": (
        lambda refusal: "A mail was asked for, but none is sent here.",
        "Set EMAILS_ENABLED, or give a temporary password.",
    ),
    "NotAuthenticated": (lambda refusal: "The request came without a token or key.", ASK_AGAIN),
    "ValidationError": (
        lambda refusal: "The request lacked something, or had it in the wrong form.",
        ASK_AGAIN,
    ),
    "ParseError": (lambda refusal: "The body of the request could not be read.", ASK_AGAIN),
    "UnsupportedMediaType": (
        lambda refusal: "The body of the request was in a format that is not read here.",
        ASK_AGAIN,
    ),
    "MethodNotAllowed": (lambda refusal: "This address does not take this method.", ASK_AGAIN),
    "Http404": (lambda refusal: "There is nothing at this address.", ASK_AGAIN),
    "MissingScope": (
        lambda refusal: f"The request was refused: {_said(refusal)}.",
        "Its owner makes another key, with this scope.",
    ),
    "KeyNotFound": (
        lambda refusal: f"There is no such API key: {_said(refusal)}.",
        "Look the key up by its id.",
    ),
    "TooManyKeys": (
        lambda refusal: f"No further API key: {_said(refusal)}.",
        "The owner deletes a key first.",
    ),
    "ScopeReserved": (
        lambda refusal: f"No API key was made: {_said(refusal)}.",
        "The owner makes a key without this scope, and an operator grants it on the key's page.",
    ),
    "AlreadyRotated": (
        lambda refusal: "The API key has a successor already.",
        "The owner rotates the newest key.",
    ),
    "AdminRequired": (lambda refusal: f"Only admins may do this: {_said(refusal)}.", ""),
}
