"""Users in a file who exist, or whose identifiers meet: skipped, updated or refused."""

import pytest
from django.db import IntegrityError

from accounts import password_reset
from accounts.mail import delivery
from accounts.models import AuditEvent, User
from accounts.transfer import import_writer, user_import
from tests.audit_events import reason_of as told_of
from tests.conftest import PASSWORD
from tests.imports import import_text, refusals, row_tuples

pytestmark = pytest.mark.usefixtures("db")


def test_names_that_differ_only_by_case_or_width_are_reported_as_such(alice):
    people = (
        "username,email\nＡlice,\nBob,bob@example.com\nＢＯＢ,\nbob ,\nBob,\n"
        "dave,BOB@example.com\nerin,Alice@Example.com\n"
    )
    assert row_tuples(import_text(people)) == [
        (2, "alice", "unchanged", "there already; written Ａlice in the file"),
        (
            3,
            "bob",
            "imported",
            "written Bob in the file; without a password: its owner has to reset it",
        ),
        (
            4,
            "bob",
            "refused",
            "the user name differs from that of line 3 only in case, width or space",
        ),
        (
            5,
            "bob",
            "refused",
            "the user name differs from that of line 3 only in case, width or space",
        ),
        (6, "bob", "refused", "the same user name as in line 3"),
        (7, "dave", "refused", "the same e-mail address as in line 3"),
        (8, "erin", "refused", "the e-mail address belongs to alice"),
    ]


def test_names_meet_across_batches_and_in_a_dry_run(monkeypatch):
    monkeypatch.setattr(user_import, "BATCH_SIZE", 2)
    people = "username\ncarol\ndave\nerin\nDAVE\n"
    assert refusals(people, dry_run=True) == {
        5: "the user name differs from that of line 3 only in case, width or space"
    }
    assert not User.objects.exists()
    assert refusals(people) == {
        5: "the user name differs from that of line 3 only in case, width or space"
    }


def test_a_uuid_is_of_one_account(alice):
    other = "6f2c3f6e-7d6b-4c58-9d3c-0b3e6d1f2a10"
    assert refusals(
        f"username,uuid\nalice,{other}\ncarol,{alice.uuid}\ndave,{other}\nerin,{other}\n"
    ) == {
        2: "the user name belongs to another account, with another uuid",
        3: "the uuid belongs to alice",
        5: "the same uuid as in line 4",
    }


def test_an_existing_account_is_skipped_unless_it_is_to_be_updated(alice):
    before = dict(User.objects.values().get())
    people = (
        "username,name,email,organization,password,is_active,role\n"
        "alice,Alice Pleasance,new@example.com,,another long one,false,admin\n"
    )
    result = import_text(people, roles=True)[0]
    assert (str(result.status), result.reason) == (
        "unchanged",
        "there already; differs in email, name",
    )
    assert User.objects.values().get() == before
    reset = password_reset.make(alice).reset
    result = import_text(people, roles=True, update=True)[0]
    assert (str(result.status), result.reason) == ("updated", "email, name")
    after = dict(User.objects.values().get())
    assert {name for name, value in after.items() if value != before.get(name)} == {
        "name",
        "email",
        "updated_at",
    }
    assert told_of(AuditEvent.objects.get(kind="account_changed")) == "email, name, from people.csv"
    reset.refresh_from_db()
    assert reset.used_at, "a link that was mailed to the old address still opens"


@pytest.mark.own_sql
def test_an_address_that_a_file_changes_is_told_to_the_old_and_to_the_new_one(alice, mailoutbox):
    import_text("username,email\nalice,new@example.com\n", update=True)
    delivery.deliver_due()
    assert {mail.to[0] for mail in mailoutbox} == {"alice@example.com", "new@example.com"}
    assert "alice@example.com → new@example.com" in told_of(
        AuditEvent.objects.get(kind="identifiers_changed")
    )


def test_an_account_that_is_made_meanwhile_is_found_at_the_second_try(monkeypatch):
    write, others = import_writer.BatchWriter.write, iter(["dave"])

    def write_later(writer, plan):
        for name in others:
            User.objects.create_user(name)
            raise IntegrityError(
                "as the database says when the name was taken between the look and the write"
            )
        write(writer, plan)

    monkeypatch.setattr(import_writer.BatchWriter, "write", write_later)
    results = import_text(
        f"username,password,created_at\ncarol,{PASSWORD},2020-01-01T00:00:00Z\ndave,{PASSWORD},\n"
    )
    assert [(each.username, str(each.status)) for each in results] == [
        ("carol", "imported"),
        ("dave", "unchanged"),
    ]
    assert User.objects.get(username="carol").created_at.year == 2020


def test_an_account_that_has_a_reserved_name_already_is_updated(alice):
    User.objects.filter(pk=alice.pk).update(username="key_alice")
    assert row_tuples(import_text("username,name\nkey_alice,Alice\n", update=True)) == [
        (2, "key_alice", "updated", "name")
    ]


def test_a_region_that_is_none_is_refused_like_that_of_the_credentials():
    taken = import_text("username,aws_region\ncarol,Stockholm; rm -rf\ndave,eu-north-1\nerin,\n")
    assert [(name, result) for _, name, result, _ in row_tuples(taken)] == [
        ("carol", "refused"),
        ("dave", "imported"),
        ("erin", "imported"),
    ]
    assert row_tuples(taken)[0][3] == "aws_region: A region is written like eu-north-1."
