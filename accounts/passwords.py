"""Whether a password is right."""

from django.contrib.auth.hashers import check_password, make_password
from django.utils.crypto import get_random_string

from accounts import audit
from accounts.errors import InvalidCredentials, UnknownAccount
from accounts.models import User


def authenticate(identifier: str, password: str) -> User:
    """The active account of this name or address and password. The three ways to be wrong look and last the same."""
    user = User.objects.find(identifier)
    if user is None:
        make_password(password or get_random_string(12))  # the work that a known name costs
        raise _recorded(UnknownAccount("no such account"), identifier)
    if not check_password(password, user.password, setter=lambda right: _upgrade(user, right)):
        raise _recorded(InvalidCredentials("wrong password"), identifier, user)
    if not user.is_active:
        raise _recorded(InvalidCredentials("account is not active"), identifier, user)
    return user


def set_temporary(user: User, password: str) -> None:
    """A password that somebody else knows: it ends every session, and opens none until its owner has chosen another."""
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password", "updated_at"])


def _upgrade(user: User, password: str) -> None:
    """Hash the password anew with today's cost, unless it was changed in the meantime."""
    upgraded = make_password(password)
    if User.objects.filter(pk=user.pk, password=user.password).update(password=upgraded):
        user.password = upgraded


def _recorded(refusal: InvalidCredentials, identifier: str, user: User | None = None) -> InvalidCredentials:
    audit.record(audit.Kind.LOGIN_FAILED, user=user, name=identifier, reason=refusal.reason)
    return refusal
