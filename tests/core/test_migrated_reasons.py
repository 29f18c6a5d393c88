"""The migration of stored reasons from sentences to codes loses nothing."""

from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.audit import reasons
from accounts.models import AuditEvent, HourlyCount, Session
from apikeys.audit_codes import CredentialEventKind, KeyEventKind
from tests.audit_events import add_event, without_triggers
from tests.busy_month import session

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
Kind = AuditEvent.Kind
migration = import_module("accounts.migrations.0008_reason_codes")
HOUR = datetime(2026, 11, 1, 12, tzinfo=UTC)


@cache
def apps_then():
    """The models as the migration knows them."""
    return MigrationLoader(connection).project_state(("accounts", "0008_reason_codes")).apps


def migrate():
    """Convert the rows under the triggers of that time, and restore those of today."""
    apps = apps_then()
    editor = connection.SchemaEditorClass(connection, atomic=False)
    with without_triggers():
        migration.columns.lay(apps, editor)
        for convert in (
            migration.convert_events,
            migration.convert_counts,
            migration.convert_sessions,
        ):
            convert(apps, editor)
        then = list(AuditEvent.objects.values_list("pk", flat=True)[:1])
        with (
            pytest.raises(IntegrityError, match="append-only") if then else nullcontext(),
            transaction.atomic(),
        ):
            AuditEvent.objects.filter(pk__in=then).update(reason="another")
        migration.columns.lift(apps, editor)


STORED = [
    (Kind.LOGIN, "", "", {}, ""),
    (Kind.LOGIN, "signed in to the admin", "signed_in_to_admin", {}, ""),
    (Kind.LOGIN_FAILED, "wrong password", "wrong_password", {}, ""),
    (Kind.LOGIN_FAILED, "challenge: somebody else's", "challenge_of_another", {}, ""),
    (
        Kind.LOGIN_FAILED,
        "challenge: Token is invalid",
        "challenge_invalid",
        {"detail": "Token is invalid"},
        "",
    ),
    (
        Kind.THROTTLED,
        "more than 10/5m wrong guesses by name",
        "guesses_by_name",
        {"limit": 10, "seconds": 300},
        "",
    ),
    (
        Kind.THROTTLED,
        "more than 100/h wrong guesses by address",
        "guesses_by_address",
        {"limit": 100, "seconds": 3600},
        "",
    ),
    (Kind.REFRESH_FAILED, "issued by camel", "other_contract", {"contract": "camel"}, ""),
    (
        Kind.REFRESH_REUSED,
        "session ended: one of two holders is not its owner",
        "token_reused",
        {},
        "",
    ),
    (Kind.LOGOUT, "signed out of the admin: idle for too long", "admin_idle", {}, ""),
    (Kind.ACCOUNT_CHANGED, "created", "created", {}, ""),
    (Kind.ACCOUNT_CHANGED, "email, name", "fields", {"fields": ["email", "name"]}, ""),
    (
        Kind.ACCOUNT_CHANGED,
        "email, from staff.csv",
        "fields",
        {"fields": ["email"], "source": "staff.csv"},
        "",
    ),
    (Kind.IMPORTED, "from staff.csv", "imported_from", {"source": "staff.csv"}, ""),
    (Kind.SESSIONS_ENDED, "1 session ended", "sessions_ended", {"count": 1}, ""),
    (
        Kind.SESSIONS_ENDED,
        "2 sessions ended: phone: lost",
        "sessions_ended",
        {"count": 2},
        "phone: lost",
    ),
    (
        Kind.TEMPORARY_PASSWORD,
        "every session ended: at the desk",
        "every_session_ended",
        {},
        "at the desk",
    ),
    (
        Kind.RESET_SENT,
        "to a@b.example: she asked",
        "mailed_to",
        {"address": "a@b.example"},
        "she asked",
    ),
    (Kind.INVITED, "to a@b.example", "mailed_to", {"address": "a@b.example"}, ""),
    (
        Kind.ROLE_CHANGED,
        "user → admin: promoted",
        "role",
        {"before": "user", "after": "admin"},
        "promoted",
    ),
    (
        Kind.MAIL_SENT_AGAIN,
        "mail 7, reset: bounced",
        "mail",
        {"mail": 7, "kind": "reset"},
        "bounced",
    ),
    (KeyEventKind.KEYS_ENDED, "3 keys ended: leaked", "keys_ended", {"count": 3}, "leaked"),
    (
        KeyEventKind.KEYS_ENDED,
        "key_a1B2c3D4 ended: leaked",
        "key_ended",
        {"key": "key_a1B2c3D4"},
        "leaked",
    ),
    (
        KeyEventKind.KEY_ROTATED,
        "successor of key_a1B2c3D4",
        "successor_of",
        {"key": "key_a1B2c3D4"},
        "",
    ),
    (
        KeyEventKind.KEY_USED_FROM_NEW_ADDRESS,
        "2001:db8::",
        "new_network",
        {"network": "2001:db8::"},
        "",
    ),
    (CredentialEventKind.CREDENTIALS_VIEWED, "aws", "provider", {"provider": "aws"}, ""),
    (
        CredentialEventKind.CREDENTIALS_REFUSED,
        "aws: role user",
        "admin_required",
        {"provider": "aws", "role": "user"},
        "",
    ),
    (
        CredentialEventKind.CREDENTIALS_CHANGED,
        "same secret: moved",
        "credentials_stored",
        {"new_secret": False},
        "moved",
    ),
    (Kind.EXPORTED, "csv, person=alice", "export", {"format": "csv", "filter": "person=alice"}, ""),
    (
        Kind.EXPORTED,
        "all accounts, jsonl, with password hashes",
        "export",
        {"what": "all accounts", "format": "jsonl", "hashes": True},
        "",
    ),
    (Kind.ACTION_REFUSED, "export", "not_permitted", {"act": "export"}, ""),
    (Kind.ACTION_REFUSED, "the last super admin", "last_super_admin", {}, ""),
    (Kind.DEACTIVATED, "logout", "", {}, "logout"),
    (Kind.DEACTIVATED, "she left: 2 sessions ended", "", {}, "she left: 2 sessions ended"),
    (Kind.INVITED, "erased", "other", {}, "erased"),
    (Kind.RESET_FAILED, "the moon was full", "other", {}, "the moon was full"),
]


@pytest.mark.parametrize(("kind", "sentence", "code", "data", "note"), STORED)
def test_a_stored_sentence_becomes_a_code(kind, sentence, code, data, note):
    event = add_event(kind, name="alice", reason=sentence)
    migrate()
    migrate()  # whatever stopped it, it can be run again
    event.refresh_from_db()
    assert (event.reason, event.data, event.note) == (code, data, note)
    assert not code or code in reasons.labels


def test_the_migration_knows_no_code_that_is_none():
    assert set(reasons.labels) >= migration.CODES


def test_many_events_are_converted_in_batches_and_nothing_else_of_them_changes(monkeypatch, alice):
    monkeypatch.setattr(migration, "BATCH", 2)
    for _ in range(5):
        add_event(
            Kind.LOGIN_FAILED,
            user_id=alice.pk,
            name="alice",
            address="192.0.2.7",
            request_id="r1",
            reason="wrong password",
        )
    fields = ("pk", "at", "kind", "user", "name", "address", "request_id")
    before = list(AuditEvent.objects.order_by("pk").values(*fields))
    migrate()
    assert list(AuditEvent.objects.order_by("pk").values(*fields)) == before
    assert set(AuditEvent.objects.values_list("reason", flat=True)) == {"wrong_password"}


def test_a_batch_is_written_in_one_round_trip_however_many_sentences_and_names(alice):
    """One statement for each distinct sentence took minutes for 300,000 events."""
    for n in range(20):
        add_event(Kind.RESET_SENT, name=f" ALICE{n} ", reason=f"to a{n}@b.example: she asked")
    with CaptureQueriesContext(connection) as queries:
        migrate()
    assert (
        sum("UPDATE accounts_auditevent" in query["sql"] for query in queries.captured_queries) == 1
    )
    assert AuditEvent.objects.filter(reason="mailed_to", name__startswith="alice").count() == 20


def test_a_long_conversion_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(migration, "BATCH", 2)
    monkeypatch.setattr(migration, "SAID", 3)
    for _ in range(7):
        add_event(Kind.LOGIN_FAILED, name="alice", reason="wrong password")
    migrate()
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["3 events done.", "6 events done."]


def test_afterwards_the_database_refuses_changes_again():
    add_event(Kind.LOGIN_FAILED, name="alice", reason="wrong password")
    migrate()
    for change in ({"reason": "no_such_account"}, {"note": "another"}, {"data": {"limit": 1}}):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            AuditEvent.objects.update(**change)


def test_names_that_were_typed_get_their_one_spelling_and_ids_of_keys_stay():
    for name in (" ALICE ", "ａｌｉｃｅ", "alice"):
        add_event(Kind.THROTTLED, name=name)
    add_event(KeyEventKind.KEY_DELETED, name="key_a1B2c3D4")
    migrate()
    assert list(AuditEvent.objects.order_by("pk").values_list("name", flat=True)) == [
        "alice",
        "alice",
        "alice",
        "key_a1B2c3D4",
    ]


def test_counts_of_sentences_that_share_a_code_are_added_up():
    for contract, reason, count in [
        ("form", "issued by camel", 2),
        ("form", "issued by bearer", 3),
        ("form", "session ended", 4),
    ]:
        HourlyCount.objects.create(
            hour=HOUR,
            kind=Kind.REFRESH_FAILED,
            contract=contract,
            reason=reason,
            count=count,
            counted_at=now(),
        )
    migrate()
    counts = HourlyCount.objects.order_by("reason").values_list("reason", "count")
    assert list(counts) == [("other_contract", 5), ("session_ended", 4)]


def test_the_ends_of_sessions_are_codes_too(alice):
    for reason in ("logout", "password reset by link", ""):
        session(alice, "bearer", revoked_at=now(), revoked_reason=reason)
    migrate()
    assert sorted(Session.objects.values_list("revoked_reason", flat=True)) == [
        "",
        "logout",
        "reset_by_link",
    ]
