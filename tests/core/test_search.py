"""Olga searches users by part of a name or an address, or by an id."""

import os
import subprocess
import sys
from uuid import uuid4

import pytest
from django.core import checks
from django.db import connection
from django.utils.timezone import now
from psycopg.sql import SQL

from accounts import request_context, user_search
from accounts.audit import audit_log
from accounts.models import Session, User
from apikeys.models import APIKey
from bench import postgres
from tests.conftest import lacking
from tests.faults.processes import PROJECT

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.own_sql]


@pytest.fixture(autouse=True)
def all_users(alice, bob, olga):
    User.objects.create_user("zoe", email="zoe@example.com", name="Zoé ÖSTLUND-Müller")
    User.objects.create_user("100%_sure", name="Percy")
    User.objects.create_user("1000_sure", name="Percival")


def names(query):
    return [user.username for user in user_search.find(query).users]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("lice", ["alice"]),
        ("ALICE", ["alice"]),
        ("  Alice  ", ["alice"]),
        ("Ａｌｉｃｅ", ["alice"]),
        ("iddel", ["alice"]),
        ("Alice Liddell", ["alice"]),
        ("liddell alice", ["alice"]),
        ("bob@exam", ["bob"]),
        ("östlund", ["zoe"]),
        ("müller zoé", ["zoe"]),
        ("alice bob", []),
        ("nobody", []),
        ("example.com", ["alice", "bob", "olga", "zoe"]),
    ],
)
def test_part_of_a_name_or_an_address(query, expected):
    assert names(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("li", ["alice"]),
        ("al", ["alice"]),
        ("ce", []),
        ("bo al", []),
        ("ös", ["zoe"]),
        ("o", ["olga"]),
    ],
)
def test_two_letters_are_the_beginning_of_a_word(query, expected):
    assert names(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("100%_", ["100%_sure"]),
        ("0_sur", ["1000_sure"]),
        ("%", []),
        ("__", []),
        ("\\", []),
        ("10_%", []),
        ("", []),
        (" ", []),
    ],
)
def test_wildcards_of_sql_stand_for_themselves(query, expected):
    assert names(query) == expected


def test_any_text_can_be_searched(alice):
    assert names("ali\0ce") == ["alice"]
    assert names("word " * 100_000) == names("\N{PILE OF POO}" * 300) == []


def test_an_equal_name_comes_before_one_that_contains_it(db):
    for name in ("aa-mary", "mary-ann", "mary"):
        User.objects.create_user(name)
    assert names("mary") == ["mary", "mary-ann", "aa-mary"]


def test_only_the_given_users_are_searched(alice, bob):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    found = user_search.find("example.com", among=User.objects.filter(is_active=False))
    assert list(found.users) == [alice]
    assert (
        list(user_search.find(str(bob.uuid), among=User.objects.filter(is_active=False)).users)
        == []
    )
    assert list(user_search.find("alice", among=User.objects.none()).users) == []


def test_of_more_than_a_thousand_matches_some_are_found_and_it_is_said(db, monkeypatch):
    monkeypatch.setattr(user_search, "MAX_MATCHES", 3)
    found = user_search.find("example.com")
    assert (found.users.count(), found.more) == (3, True)
    assert user_search.find("zoe").more is False


def test_an_id_of_an_account_or_a_session(alice, bob):
    session = Session.objects.create(
        user=bob, contract="bearer", last_used_at=now(), expires_at=now()
    ).pk
    assert (
        names(str(alice.uuid))
        == names(f" {str(alice.uuid).upper()} ")
        == names(alice.uuid.hex)
        == ["alice"]
    )
    assert names(str(session)) == ["bob"]
    assert names(str(uuid4())) == []


def test_an_id_of_a_key_with_its_capitals(bob):
    key, _ = APIKey.objects.issue(bob.pk)
    assert names(key.public_id) == ["bob"]
    assert names(f"key_{key.pk.swapcase()}") == names("key_00000000") == []


@pytest.mark.parametrize("given", ["0123456789abcdef", "proxy-id.2026_11"])
def test_an_id_of_a_request_finds_the_users_of_its_events(alice, bob, olga, given):
    with request_context.use(request_context.RequestContext(request_id=given)):
        audit_log.record(audit_log.Kind.UNLOCKED, user=alice, actor=olga)
        audit_log.record(audit_log.Kind.THROTTLED, name="Bob@example.com")
        audit_log.record(audit_log.Kind.LOGIN_FAILED, name="somebody unknown")
    found = user_search.find(given)
    assert {user.username for user in found.users} == {"alice", "bob", "olga"}
    assert found.request_id == given
    assert (
        user_search.find("fedcba9876543210").request_id
        == user_search.find("alice").request_id
        == ""
    )


def test_a_search_costs_the_same_for_one_match_and_for_many(django_assert_num_queries):
    User.objects.bulk_create(
        User(username=f"person{n}", email=f"person{n}@example.com") for n in range(1100)
    )
    for query, queries in (
        ("zoe", 3),
        ("example.com", 3),
        ("Zoé Östlund", 2),
        ("nobody", 2),
    ):  # a text with a space is not the id of a request
        with django_assert_num_queries(queries):
            list(user_search.find(query).users[:50])


def test_the_check_of_the_database_says_how_to_get_the_index():
    said = checks.run_checks(tags=["database"], databases=["default"])
    missing = [message for message in said if message.id == "authsvc.W003"]
    assert bool(missing) == (connection.vendor == "postgresql" and not user_search.INDEX.exists)
    assert all("CREATE EXTENSION pg_trgm" in str(message.hint) for message in missing)


# With pg_trgm, which the PostgreSQL of the system has


@pytest.fixture(scope="module")
def system_postgres():
    try:
        with postgres.packaged() as address:
            yield address
    except FileNotFoundError as error:
        lacking(str(error))


@pytest.fixture(scope="module")
def migrated(system_postgres):
    """A database that was migrated by a role that may have the extension."""
    with postgres.database(system_postgres, "trigrams") as address:
        assert run(address, "migrate", "check") == "complete\n"
        yield address


STEPS = """
import sys, django; django.setup()
from django.core import checks
from django.core.management import call_command
from django.db import connection
for step in sys.argv[1:]:
    if step == "migrate":
        call_command("migrate", verbosity=0)
    elif step == "check":
        found = checks.run_checks(databases=["default"])
        lacks = any(message.id == "authsvc.W003" for message in found)
        print("incomplete" if lacks else "complete")
    else:
        exec(step)
"""


def run(address, *steps):
    """Return what a process prints that does these steps: migrate, check, or a script."""
    environment = {
        "DATABASE_URL": address,
        "DJANGO_SETTINGS_MODULE": "authsvc.settings",
        "PYTHONPATH": str(PROJECT),
    }
    return subprocess.run(
        [sys.executable, "-c", STEPS, *steps],
        env=os.environ | environment,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


EXPLAINED = """
from django.test.utils import CaptureQueriesContext
from accounts import user_search
from accounts.models import User
User.objects.bulk_create(
    User(username=f"person{n}", email=f"person{n}@example.com", name="Somebody")
    for n in range(20000)
)
User.objects.create_user("haystack", name="With a NEEDLE")
cursor = connection.cursor()
cursor.execute("VACUUM ANALYZE accounts_user")
for query in ("needle", "wi", "w"):
    with CaptureQueriesContext(connection) as sent:
        print([user.username for user in user_search.find(query).users])
    search = next(query["sql"] for query in sent if "LIMIT (SELECT" in query["sql"])
    cursor.execute("EXPLAIN " + search)
    print("\\n".join(line for line, in cursor.fetchall()))
"""


@pytest.mark.postgresql
def test_parts_of_names_are_found_by_their_trigrams(migrated):
    plans = run(migrated, EXPLAINED)
    assert (
        plans.count("['haystack']")
        == plans.count(f"Bitmap Index Scan on {user_search.INDEX.name}")
        == 3
    )


@pytest.mark.postgresql
def test_a_role_that_may_not_have_the_extension_gets_the_index_once_another_role_made_it(
    system_postgres,
):
    with postgres.database(system_postgres, "poor") as address:
        poor = address.replace("postgres@", "poor@")
        sql(address, "CREATE ROLE poor LOGIN; GRANT ALL ON SCHEMA public TO poor")
        assert run(poor, "migrate", "check") == "incomplete\n"
        sql(address, "CREATE EXTENSION pg_trgm")
        assert run(poor, "migrate", "check") == "complete\n"


@pytest.mark.postgresql
def test_an_index_whose_making_was_interrupted_is_made_anew(migrated):
    sql(
        migrated,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'user_search'::regclass",
    )
    assert run(migrated, "check", "migrate", "check") == "incomplete\ncomplete\n"


def sql(address, statements):
    for statement in statements.split("; "):
        postgres.execute(address, SQL(statement))
