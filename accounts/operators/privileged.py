"""What only super admins do, to keys and secrets rather than to a person: who may, for which reason, and how it is remembered."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from accounts import keyring
from accounts.errors import MissingReason, NotPermitted
from accounts.models import SigningKey, User
from accounts.operators import actions


@contextmanager
def super_admin(operator: User, act: str, reason: str) -> Iterator[User]:
    """Around one act, in one transaction: the operator as the database has them now. ``NotPermitted``, on record; ``MissingReason``."""
    if not reason.strip():
        raise MissingReason(act)
    with actions.refusals_on_record(operator), transaction.atomic():
        held = User.objects.select_for_update(no_key=True).get(pk=operator.pk)
        if not actions.may_run(held):
            raise NotPermitted(act)
        yield held


def rotate_signing_key(operator: User, reason: str) -> SigningKey:
    with super_admin(operator, "rotate the signing keys", reason) as held:
        return keyring.rotate(actor=held, reason=reason)


def retire_signing_key(operator: User, kid: str, reason: str) -> bool:
    """False for a key that is no previous one, or not any more."""
    with super_admin(operator, f"retire the signing key {kid}", reason) as held:
        return keyring.retire(kid, actor=held, reason=reason)
