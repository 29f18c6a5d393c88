"""Statements on the audit log that the database refuses."""

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import AuditEvent

TABLE = AuditEvent._meta.db_table
SENTENCE = "the audit trail is append-only"


def refused(statement, *parameters):
    with (
        pytest.raises(IntegrityError, match=SENTENCE),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("AUDIT_LOG", TABLE), parameters)


LIKE_AN_ERASURE = (
    "UPDATE AUDIT_LOG SET user_id = NULL, actor_id = NULL, address = NULL, name = %s,"
    " note = 'erased', data = '{}'"
)
