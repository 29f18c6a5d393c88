"""Audit events of other days for tests, and a table that can be emptied between two tests."""

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


def add_event(kind: str, **fields: Any) -> AuditEvent:
    """Add an event of another day: ``add_event("login", user_id=alice.pk, at=yesterday)``."""
    _insert(**{"at": now(), "kind": kind, **fields})
    return AuditEvent.objects.order_by("-pk")[0]


def reason_of(event: AuditEvent) -> str:
    """Return the clause of an event's reason code, with the operator's note."""
    return reason_messages.with_note(event.reason, event.data, event.note)


@contextmanager
def without_triggers() -> Iterator[None]:
    """Let the database accept every change of events meanwhile."""
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
    """Let Django's flush, which ends tests with transactions of their own, empty the table too.

    Inside itself it changes nothing: a package that takes over our fixtures has it a second time.
    """
    if getattr(type(connection.ops).execute_sql_flush, "lifts", False):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        operations = type(
            connection.ops
        )  # and not this one: beside Playwright's loop Django opens a connection of its own
        flush = operations.execute_sql_flush

        def lift_and_flush(self: Any, statements: list[str]) -> None:
            with without_triggers():
                flush(self, statements)
            keyring.reload()  # makes new signing keys, for the tests that follow

        lift_and_flush.lifts = True  # type: ignore[attr-defined]
        patch.setattr(operations, "execute_sql_flush", lift_and_flush)
        yield
