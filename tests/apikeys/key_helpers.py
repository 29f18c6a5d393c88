"""Helpers of the tests of API keys, most of which take the text of a key."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from accounts import request_context
from accounts.errors import InvalidToken
from accounts.models import AuditEvent
from accounts.policy import Policy
from accounts.request_context import RequestContext
from apikeys import keys
from apikeys.models import APIKey

POLICY = Policy(name="camel", access=timedelta(hours=1), refresh=timedelta(days=30))
DAY = timedelta(days=1)
stored = pytest.mark.django_db
concurrent = pytest.mark.django_db(transaction=True)


def key_of(secret):
    return APIKey.objects.get(pk=secret[8:16])


def use(secret, address="192.0.2.7", **more):
    with request_context.use(RequestContext(address=address, **more)):
        return keys.identify(secret)


def works(secret):
    try:
        return use(secret).username == "alice"
    except InvalidToken:
        return False


def recorded_kinds(prefix="key_"):
    return list(
        AuditEvent.objects.filter(kind__startswith=prefix)
        .order_by("pk")
        .values_list("kind", flat=True)
    )


@contextmanager
def missing(table):
    """Rename the table for a while, so that writing to it fails."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def in_its_own_connection(act):
    try:
        with request_context.use(RequestContext()):
            return act()
    finally:
        connection.close()
