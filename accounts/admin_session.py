"""The browser session of an operator in the admin site: its end, and re-authentication in it."""

from datetime import timedelta
from time import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts import passwords
from accounts.audit import audit_log, reason_messages
from accounts.audit.reasons import Reason
from accounts.models import User

PASSWORD_REMEMBERED_FOR = timedelta(minutes=5)
LAST_USE_SAVED_EVERY = 60.0  # seconds, at most; a tenth of a shorter ADMIN_IDLE
SIGNED_IN_AT, SEEN_AT, PASSWORD_GIVEN_AT = "entered_at", "seen_at", "password_given_at"  # stored


def start(request: HttpRequest) -> None:
    """Note that the operator has just signed in, with the password."""
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = int(time())
    remember_password(request)


def keep_alive(request: HttpRequest) -> None:
    """Note that the session is used, or end it if it has idled or lasted for too long.

    Its row is written once a minute at most.
    """
    if not request.user.is_authenticated:
        return
    at, session = int(time()), request.session
    idle = settings.ADMIN_IDLE.total_seconds()
    if at - session.setdefault(SIGNED_IN_AT, at) >= settings.ADMIN_SESSION.total_seconds():
        end(request, Reason.ADMIN_TOO_LONG)
    elif at - session.setdefault(SEEN_AT, at) >= idle:
        end(request, Reason.ADMIN_IDLE)
    elif at - session[SEEN_AT] >= min(LAST_USE_SAVED_EVERY, idle / 10):
        session[SEEN_AT] = at


def end(request: HttpRequest, reason: Reason) -> None:
    """Sign the operator out, and say why on the next page."""
    if isinstance(request.user, User):
        audit_log.record(audit_log.Kind.LOGOUT, user=request.user, reason=reason)
        messages.info(
            request,
            f"You were {reason_messages.text(reason, {})}. Please sign in again.",
            fail_silently=True,
        )
    request.session.flush()
    request.user = AnonymousUser()


def remember_password(request: HttpRequest) -> None:
    request.session[PASSWORD_GIVEN_AT] = int(time())


def password_is_fresh(request: HttpRequest) -> bool:
    """Return whether the password was given in this session a few minutes ago at most."""
    age = time() - request.session.get(PASSWORD_GIVEN_AT, 0)
    return bool(0 <= age < PASSWORD_REMEMBERED_FOR.total_seconds())


def reauthenticate(request: HttpRequest, password: str) -> None:
    """Check the operator's password again, and remember that it was given.

    A wrong one is counted and recorded as at any login. Raises `InvalidCredentials`,
    `TooManyAttempts` or `HashingOverloaded`.
    """
    username = request.user.get_username()
    passwords.authenticate(username, password)
    remember_password(request)
