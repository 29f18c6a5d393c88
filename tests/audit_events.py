"""The audit log as tests need it: events of other days, and a table that can be emptied between two tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts import keyring
from accounts.audit import reason_messages
from accounts.db.compiled_statements import CompiledInsert
from accounts.models import AuditEvent

append_only = import_module("accounts.migrations.0013_seals")
_insert = CompiledInsert(AuditEvent)


def happened(kind: str, **fields: Any) -> AuditEvent:
    """An event of another day: ``happened("login", user_id=alice.pk, name="alice", at=yesterday)``. Once there, no event can be changed."""
    _insert(**{"at": now(), "kind": kind, **fields})
    return AuditEvent.objects.order_by("-pk")[0]


def told(event: AuditEvent) -> str:
    """The clause of an event's reason code and what an operator wrote."""
    return reason_messages.with_note(event.reason, event.data, event.note)


@contextmanager
def lifted() -> Iterator[None]:
    """The database takes every change of events, for this long."""
    editor = connection.SchemaEditorClass(connection, atomic=False)
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        editor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # it changes no table for which checks are due
    append_only.lift(None, editor)
    yield
    append_only.lay(None, editor)


@contextmanager
def flushable() -> Iterator[None]:
    """Django's flush, by which tests with transactions of their own leave no row behind, empties the audit log too."""
    with pytest.MonkeyPatch.context() as patch:
        operations = type(
            connection.ops
        )  # and not this one: beside Playwright's loop Django opens a connection of its own
        flush = operations.execute_sql_flush

        def lift_and_flush(self: Any, statements: list[str]) -> None:
            with lifted():
                flush(self, statements)
            keyring.reload()  # makes new signing keys, for the tests that follow

        patch.setattr(operations, "execute_sql_flush", lift_and_flush)
        yield
