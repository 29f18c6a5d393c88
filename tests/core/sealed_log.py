"""Helpers of the tests of seals: verify the audit log, and change it behind the product's back."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.audit_events import without_triggers


def verified(**options):
    out = io.StringIO()
    call_command("verify_audit_log", stdout=out, **options)
    return out.getvalue()


def found(match, **options):
    with pytest.raises(CommandError, match=match) as refusal:
        verified(**options)
    assert refusal.value.returncode == 1


def tamper(statement, *parameters):
    """The owner of the tables switches the triggers off."""
    with without_triggers(), connection.cursor() as cursor:
        cursor.execute(
            statement.replace("LOG", "accounts_auditevent").replace("SEALS", "accounts_auditseal"),
            parameters,
        )
