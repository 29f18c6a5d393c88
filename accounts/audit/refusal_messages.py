"""Messages of refused requests: the true reason, the client's answer, and what an operator can do.

Other apps ``register`` messages for refusals of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from accounts.audit import event_messages, reason_messages
from accounts.audit.reasons import Reason
from accounts.audit.recent_refusals import Refusal
from accounts.models import AuditEvent

Kind = AuditEvent.Kind


@dataclass(frozen=True)
class RequestMessage:
    """A request in words: the message of its event or refusal, the client's answer, and advice."""

    text: str
    answer: str = ""
    advice: str = ""


class RefusalMessage(NamedTuple):
    """The message of one class of refusals, and the advice for an operator."""

    text: Callable[[Refusal], str]
    advice: str = ""


class AnswerToEvent(NamedTuple):
    """The answer that a client got to a request with this kind of event, and advice.

    The audit log does not have the words of the answer, but their meaning is known.
    """

    answer: str
    advice: str = ""


def register(
    refusals: Mapping[str, RefusalMessage], answers: Mapping[str, AnswerToEvent] | None = None
) -> None:
    """Add the messages of an app's refusals, by name of the class, and answers by kind of event."""
    REFUSALS.update(refusals)
    ANSWERS.update(answers or {})


def for_refusal(refusal: Refusal) -> RequestMessage:
    """Return the message of a request whose refusal is still in the cache."""
    words, status = refusal.answer, refusal.status
    answer = f"“{words}” (status {status})" if words else f"Status {status}."
    message = REFUSALS.get(refusal.error, OTHER)
    advice = message.advice
    if advice == UNLOCK and refusal.reason != Reason.GUESSES_BY_IDENTIFIER:
        advice = SHARED_ADDRESS
    return RequestMessage(message.text(refusal), answer, advice)


def for_event(event: AuditEvent) -> RequestMessage:
    """Return the message of a request that is known by its audit event alone."""
    answer, advice = ANSWERS.get(event.kind, AnswerToEvent(""))
    if event.kind == Kind.LOGIN_FAILED:
        advice = LOGIN_ADVICE.get(event.reason, advice)
    return RequestMessage(event_messages.text(event), answer, advice)


def reason_of(refusal: Refusal, otherwise: str = "no more is known") -> str:
    """Return the clause of a refusal's reason."""
    return reason_messages.text(refusal.reason, refusal.data) or otherwise


# Advice

UNLOCK = (
    "Unlocking the account renews its budgets at once; so does a reset mail that is used. "
    "Otherwise it ends by itself. From a network where the account has signed in lately, it does "
    "so all the while."
)
SHARED_ADDRESS = (
    "It ends by itself. If many users share the address, such as behind a proxy, look at "
    "TRUSTED_PROXIES and the limits."
)
LOG_IN = "The user has to log in again. Nothing else is needed, unless it happens again and again."
NEW_MAIL = (
    "Send a reset mail: only its newest link and code are good, once, and for a limited time."
)
ASK_AGAIN = "The client program has to send its request as the document of its contract says."
LOGIN_ADVICE: dict[str, str] = {
    Reason.WRONG_PASSWORD: "Send a reset mail if the user has forgotten the password.",
    Reason.NO_SUCH_ACCOUNT: (
        "Ask how the user writes the name, look for it among the accounts, or invite the user."
    ),
    Reason.ACCOUNT_INACTIVE: "Reactivate the account, if that is what should be.",
    Reason.PASSWORD_CHANGE_REQUIRED: (
        "The user chooses a new password on the page /change-password, or with the reset mail that "
        "was sent now."
    ),
}


# Events

ANSWERS: dict[str, AnswerToEvent] = {
    Kind.LOGIN_FAILED: AnswerToEvent(
        "Only that the name or the password is wrong, whichever it was.",
        "The user has to log in again from the beginning.",
    ),
    Kind.THROTTLED: AnswerToEvent(
        "That there were too many attempts, and when to try again.", UNLOCK
    ),
    Kind.REFRESH_FAILED: AnswerToEvent(
        "Only that the refresh token is invalid or expired.", LOG_IN
    ),
    Kind.REFRESH_REUSED: AnswerToEvent(
        "Only that the refresh token is invalid or expired.",
        "A stranger may hold a copy of the token, or the client sent an old one. Its session is "
        "ended: the user logs in again. If they know of no second device, end all sessions and "
        "send a reset mail.",
    ),
    Kind.RESET_FAILED: AnswerToEvent(
        "Only that the link or the code is invalid or expired.", NEW_MAIL
    ),
    Kind.ACTION_REFUSED: AnswerToEvent(
        "That the role does not allow it.", "A super admin can do it, or change the role."
    ),
}


# Refusals


def _whose(refusal: Refusal) -> str:
    return f"{refusal.name}'s" if refusal.name else "A"


def _invalid_credentials(refusal: Refusal) -> str:
    reason = reason_of(refusal, "the name, the password or the state of the account was wrong")
    return f"{_whose(refusal)} login was refused because {reason}."


def _unknown_account(refusal: Refusal) -> str:
    return "The login was refused because no account has this name."


def _invalid_token(refusal: Refusal) -> str:
    if refusal.reason == Reason.SESSION_ENDED:
        reason = "its session had ended, or its account is deactivated"
    else:
        reason = reason_of(refusal, "it is none of ours, or is garbled")
    return f"The access token was refused because {reason}."


def _invalid_refresh_token(refusal: Refusal) -> str:
    if refusal.reason == Reason.TOKEN_REUSED:
        reason = "it had been spent before; its session was ended"
    else:
        reason = reason_of(refusal, "it opens nothing")
    return f"{_whose(refusal)} refresh token was refused because {reason}."


def _invalid_reset(refusal: Refusal) -> str:
    reason = reason_of(refusal, "the reset token or the reset code was wrong")
    return f"{_whose(refusal)} password reset was refused because {reason}."


def _invalid_challenge(refusal: Refusal) -> str:
    return f"The new password was refused because {reason_of(refusal)}."


def _password_change_required(refusal: Refusal) -> str:
    return f"{_whose(refusal)} password was right, but a new one has to be chosen first."


def _too_many_attempts(refusal: Refusal) -> str:
    ends = f" It ends at {refusal.ends_at:%H:%M} UTC." if refusal.ends_at else ""
    return event_messages.throttled(refusal.name, refusal.reason, refusal.data) + ends


def _attempts_under_way(refusal: Refusal) -> str:
    return (
        f"As many logins of {refusal.name or 'the account'} were being checked at this moment as "
        "may still be wrong."
    )


def _hashing_overloaded(refusal: Refusal) -> str:
    return (
        "The password was not looked at: too many were being checked at that moment "
        f"({reason_of(refusal)})."
    )


def _weak_password(refusal: Refusal) -> str:
    rules = " ".join(refusal.data.get("rules", ["it breaks a rule."]))
    return f"The new password was refused: {rules}"


def _other(refusal: Refusal) -> str:
    if refusal.status >= 500:
        return "The service itself failed: its log has the fault under this request id."
    return f"The request was refused: {reason_of(refusal, refusal.answer)}."


def always(text: str) -> Callable[[Refusal], str]:
    """Return the message that is the same for every refusal of a class."""
    return lambda refusal: text


OTHER = RefusalMessage(_other)
REFUSALS: dict[str, RefusalMessage] = {
    "InvalidCredentials": RefusalMessage(_invalid_credentials, "The user has to try again."),
    "UnknownAccount": RefusalMessage(_unknown_account, LOGIN_ADVICE[Reason.NO_SUCH_ACCOUNT]),
    "InvalidToken": RefusalMessage(
        _invalid_token, "The client refreshes its token, or the user logs in again."
    ),
    "InvalidRefreshToken": RefusalMessage(_invalid_refresh_token, LOG_IN),
    "InvalidReset": RefusalMessage(_invalid_reset, NEW_MAIL),
    "InvalidCode": RefusalMessage(_invalid_reset, NEW_MAIL),
    "InvalidChallenge": RefusalMessage(
        _invalid_challenge,
        "The user logs in with the temporary password once more, and has fifteen minutes then.",
    ),
    "PasswordChangeRequired": RefusalMessage(
        _password_change_required, LOGIN_ADVICE[Reason.PASSWORD_CHANGE_REQUIRED]
    ),
    "TooManyAttempts": RefusalMessage(_too_many_attempts, UNLOCK),
    "AttemptsUnderWay": RefusalMessage(
        _attempts_under_way, "Nothing is locked: the client asks again after a second."
    ),
    "HashingOverloaded": RefusalMessage(
        _hashing_overloaded,
        "The user tries again. If it happens often, add processors or nodes, or look who floods "
        "the logins.",
    ),
    "WeakPassword": RefusalMessage(_weak_password, "The user chooses another password."),
    "EmailDisabled": RefusalMessage(
        always("A mail was asked for, but none is sent here."),
        "Set EMAILS_ENABLED, or give a temporary password.",
    ),
    "NotAuthenticated": RefusalMessage(
        always("The request came without a token or key."), ASK_AGAIN
    ),
    "ValidationError": RefusalMessage(
        always("The request lacked something, or had it in the wrong form."), ASK_AGAIN
    ),
    "ParseError": RefusalMessage(always("The body of the request could not be read."), ASK_AGAIN),
    "UnsupportedMediaType": RefusalMessage(
        always("The body of the request was in a format that is not read here."), ASK_AGAIN
    ),
    "MethodNotAllowed": RefusalMessage(
        always("This address does not take this method."), ASK_AGAIN
    ),
    "Http404": RefusalMessage(always("There is nothing at this address."), ASK_AGAIN),
}
