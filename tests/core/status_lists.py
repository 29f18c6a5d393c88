"""Helpers of the tests of status lists: sessions with a given index, and decoded lists."""

from datetime import timedelta

import jwt
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts import keyring
from accounts.models import Session, User
from accounts.policy import Policy
from accounts.status_lists.served_lists import ServedLists
from tests.status_list_decoder import Decoded

POLICY = Policy(name="form", access=timedelta(days=7), refresh=timedelta(days=365), rotates=True)
LONG_AGO = now() - timedelta(days=1)
NEW = {
    "contract": "form",
    "last_used_at": LONG_AGO,
    "expires_at": now() + timedelta(days=300),
}


def decoded(node: ServedLists, number: int = 1) -> Decoded:
    return Decoded(node.get(number).token, keyring.jwks())


def reference(access: str) -> dict:
    return jwt.decode(access, options={"verify_signature": False})["status"]["status_list"]


def is_ended(node: ServedLists, access: str) -> bool:
    number = int(reference(access)["uri"].rpartition("/")[2])
    return bool(decoded(node, number).status(access))


def session_at(user: User, status_index: int, **fields) -> Session:
    session = Session.objects.create(user=user, status_index=status_index, **NEW | fields)
    Session.objects.filter(pk=session.pk).update(created_at=fields.get("created_at", LONG_AGO))
    return session


def statements(call) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)
