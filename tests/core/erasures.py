"""Helpers of the tests of erasure: a login, and all that is stored."""

from django.apps import apps
from django.db import connection

from accounts import sessions
from authsvc.contracts import bearer
from tests.conftest import PASSWORD


def log_in(username="alice", policy=bearer.contract.policy):
    return sessions.open_session(policy, username, PASSWORD)


def everything_stored():
    """Return every value of every column of every table."""
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
            for row in cursor.fetchall():
                yield from ((model._meta.label, str(value)) for value in row)
