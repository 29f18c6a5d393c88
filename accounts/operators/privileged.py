"""Operations of super admins on signing keys and stored secrets: permission, reason and record."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from accounts import keyring
from accounts.errors import MissingReason, NotPermitted
from accounts.models import SigningKey, User
from accounts.operators import actions, permissions


@contextmanager
def super_admin(operator: User, action: str, reason: str) -> Iterator[User]:
    """Wrap one operation in a transaction; yield the operator as the database has them now.

    Raises `NotPermitted`, which is an audit event of its own, and `MissingReason`.
    """
    if not reason.strip():
        raise MissingReason(action)
    with actions.refusals_recorded(operator), transaction.atomic():
        locked = User.objects.lock_row(operator.pk)
        if locked is None or not permissions.is_super_admin(locked):
            raise NotPermitted(action)
        yield locked


def rotate_signing_key(operator: User, reason: str) -> SigningKey:
    with super_admin(operator, "rotate the signing keys", reason) as locked:
        return keyring.rotate(actor=locked, reason=reason)


def retire_signing_key(operator: User, kid: str, reason: str) -> bool:
    """Return False, and change nothing, for a key that is not a previous one."""
    with super_admin(operator, f"retire the signing key {kid}", reason) as locked:
        return keyring.retire(kid, actor=locked, reason=reason)
