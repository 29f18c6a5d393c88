"""Mallory has SQL as the role of the web nodes, without keys: seals and erasures hold."""

import json
from datetime import timedelta

import pytest
from django.db import Error, IntegrityError, ProgrammingError, connection, transaction
from django.utils.timezone import now

from accounts.audit import seals, verification
from accounts.db import app_role
from accounts.models import AuditEvent, AuditSeal, SealKey, User
from accounts.operators import actions, user_actions
from tests.audit_events import add_event

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
Kind = AuditEvent.Kind
COLUMNS = "at, kind, name, contract, request_id, reason, data, address"
VALUES = "{at}, 'login', 'mallory', '', '', '', {data}, {address}"
EVENT = f"INSERT INTO accounts_auditevent ({COLUMNS}) VALUES ({VALUES})"  # noqa: S608


def sql(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def inserts(at="now()", data="'{}'", address="NULL"):
    sql(EVENT.format(at=at, data=data, address=address))


def goes_on():
    """The next event is sealed and agrees with its seal."""
    add_event(Kind.LOGIN, name="later")
    seals.seal()
    verdict = verification.verify()
    assert (verdict.unsealed, verdict.events) == (0, AuditEvent.objects.count())


# Sealing


@pytest.mark.parametrize("number", [2**63 - 1, -5, 4711])
def test_the_database_alone_gives_an_event_its_id(number, as_web_node):
    values = "%s, now(), 'login', 'x', '', '', '', '{}', NULL"
    row = f"INSERT INTO accounts_auditevent (id, {COLUMNS}) VALUES ({values})"  # noqa: S608
    with pytest.raises(ProgrammingError, match="permission denied for table accounts_auditevent"):
        sql(row, number)
    sequence = "pg_get_serial_sequence('accounts_auditevent', 'id')"
    with pytest.raises(ProgrammingError, match="permission denied"):
        sql(f"SELECT setval({sequence}, 9223372036854775806)")
    goes_on()


@pytest.mark.parametrize(
    "at",
    [
        "'infinity'",
        "'-infinity'",
        "'4713-01-01 BC'",
        "'294276-01-01'",
        "now() + interval '30 days'",
    ],
)
def test_a_time_that_python_cannot_read_or_that_never_gets_old_is_the_databases(at, as_web_node):
    inserts(at=at)
    assert abs(AuditEvent.objects.get().at - now()) < timedelta(minutes=5)
    goes_on()


@pytest.mark.parametrize(
    "data",
    [
        "'{\"a\": 1e5000}'",
        "(repeat('[', 1500) || repeat(']', 1500))::jsonb",
        "to_jsonb(repeat('x', 100000))",
    ],
)
def test_data_that_python_cannot_read_are_refused(data, as_web_node):
    with pytest.raises(IntegrityError, match="append-only"):
        inserts(data=data)
    goes_on()


@pytest.mark.parametrize(
    "data", ["'null'", "'[1.5e-300, 1e400]'", "'\"x\"'", '\'{"a": {"b": [1]}}\'']
)
def test_odd_data_and_addresses_are_sealed(data, as_web_node):
    inserts(data=data, address="'192.0.2.0/24'")
    goes_on()


def test_there_is_one_key_and_only_setup_makes_it(as_web_node):
    for number in (0, 1, 2):
        with pytest.raises(ProgrammingError, match="permission denied for table accounts_sealkey"):
            sql(
                "INSERT INTO accounts_sealkey (id, sealed, first_lock, created_at)"
                " VALUES (%s, 'x', '', now())",
                number,
            )
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    with pytest.raises(IntegrityError, match="one_key_of_the_seals"), transaction.atomic():
        SealKey.objects.create(pk=0, sealed="x", first_lock=b"")
    goes_on()


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    "wrong", [{"number": 2**63 - 2}, {"up_to": 2**63 - 1}, {"token": b"x" * 32}, {"token": b""}, {}]
)
def test_no_seal_is_added_without_the_key(wrong, sealed, as_web_node):
    add_event(Kind.LOGIN, name="alice")
    if sealed:
        seals.seal()
        add_event(Kind.LOGIN, name="bob")
    last = AuditSeal.objects.order_by("-number").first()
    forged = seals._made(b"a key of Mallory's", last, seals.rows_between(last.up_to if last else 0))
    for field, value in wrong.items():
        setattr(forged, field, value)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        forged.save(force_insert=True)
    goes_on()


def test_a_seal_shows_a_token_that_is_good_for_no_other(as_web_node):
    add_event(Kind.LOGIN, name="alice")
    seals.seal()
    add_event(Kind.LOGIN, name="bob")
    last = AuditSeal.objects.get()
    forged = seals._made(b"a key of Mallory's", last, seals.rows_between(last.up_to))
    forged.token = last.token
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        forged.save(force_insert=True)
    goes_on()


def test_a_role_that_had_more_rights_loses_them(as_web_node):
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("GRANT INSERT ON accounts_auditevent, accounts_sealkey TO authsvc_web")
        app_role.grant("authsvc_web")
        cursor.execute(
            "SELECT has_column_privilege('authsvc_web', 'accounts_auditevent', 'id', 'INSERT')"
        )
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT has_table_privilege('authsvc_web', 'accounts_sealkey', 'INSERT')")
        assert cursor.fetchone() == (False,)


# Erasures


def call(user, stand_in, events, replaced=()):
    own = {
        "user_id": user.pk,
        "name": stand_in,
        "contract": "",
        "request_id": "",
        "reason": "",
        "data": {},
        "note": "hm",
    }
    ids = [event.pk for event in events]
    sql(
        "SELECT accounts_erase_events(%s::jsonb, %s::bigint[], %s::jsonb)",
        json.dumps(own),
        ids,
        json.dumps(list(replaced)),
    )


def rename(user, name):
    User.objects.filter(pk=user.pk).update(username=name, email=None, erased_at=None)


@pytest.mark.parametrize("stand_in", [None, "erased-other"])
def test_an_erased_account_erases_nobody_else_under_another_name(
    alice, olga, as_web_node, stand_in
):
    typed = add_event(Kind.LOGIN_FAILED, name="bob", address="192.0.2.7")
    actions.carry_out(user_actions.ERASE, operator=olga, user=alice, reason="she asked")
    finished = User.objects.get(pk=alice.pk).username
    rename(alice, "bob")
    with pytest.raises(Error, match="append-only"):
        call(alice, stand_in or finished, [typed])
    assert AuditEvent.objects.get(pk=typed.pk).name == "bob"


def test_a_stand_in_belongs_to_one_account(alice, bob, as_web_node):
    event = add_event(Kind.LOGIN, user_id=bob.pk, name="bob")
    call(alice, "erased-1f", [])
    with pytest.raises(Error, match="append-only"):
        call(bob, "erased-1f", [event])


def test_every_call_has_an_event_of_its_own(alice, as_web_node):
    events = [add_event(Kind.LOGIN_FAILED, name=name) for name in ("alice", "bob")]
    with transaction.atomic():
        call(alice, "erased-1f", events[:1])
        rename(alice, "bob")
        call(alice, "erased-1f", events[1:])
    assert AuditEvent.objects.filter(name="erased-1f").exclude(kind=Kind.ERASED).count() == 2
    assert AuditEvent.objects.filter(kind=Kind.ERASED, user=alice, name="erased-1f").count() == 2


def test_an_erasure_leaves_no_digests_for_events_of_others(alice, bob, olga, as_web_node):
    theirs = add_event(Kind.LOGIN, user_id=bob.pk, name="bob", address="192.0.2.7")
    seals.seal()
    call(
        alice,
        "erased-1f",
        [theirs],
        [{"event_id": theirs.pk, "field": "name", "digest": "ab" * 32}],
    )
    actions.carry_out(user_actions.ERASE, operator=olga, user=bob, reason="he asked")
    goes_on()
