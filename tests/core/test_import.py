"""Users imported from files: the status of each row, and users that exist."""

import io
import json

import pytest
from django.core.management import call_command

from accounts.errors import MissingReason, NotPermitted
from accounts.hashing.stored_hashes import CURRENT
from accounts.models import AuditEvent, User
from accounts.transfer.file_reader import read_rows
from accounts.transfer.user_import import ImportOptions, import_rows
from tests.audit_events import reason_of as told_of
from tests.conftest import PASSWORD
from tests.imports import PEOPLE, bcrypt_hash, import_text, refusals, row_tuples

pytestmark = pytest.mark.usefixtures("db")

LOGIN = "/api/v1/auth/login"


def test_every_column_is_taken_over():
    assert row_tuples(import_text(PEOPLE)) == [
        (
            2,
            "carol",
            "imported",
            "written Carol in the file; without a password: its owner has to reset it",
        ),
        (3, "dave", "imported", "without a password: its owner has to reset it"),
    ]
    carol, dave = User.objects.order_by("pk")
    assert (carol.username, carol.email, carol.name, carol.organization) == (
        "carol",
        "carol@example.com",
        "Carol Danvers",
        "NASA",
    )
    assert (carol.aws_region, carol.language, str(carol.uuid)) == (
        "eu-north-1",
        "de",
        "6f2c3f6e-7d6b-4c58-9d3c-0b3e6d1f2a10",
    )
    assert (str(carol.created_at), str(carol.last_login)) == (
        "2020-02-29 08:00:00+00:00",
        "2024-01-01 00:00:00+00:00",
    )
    assert (
        carol.is_active,
        carol.must_change_password,
        carol.role,
        carol.has_usable_password(),
    ) == (True, False, "user", False)
    assert (dave.email, dave.is_active, dave.must_change_password) == (None, False, True)


def test_the_audit_log_tells_of_each_account_where_it_came_from(olga):
    list(
        import_rows(
            read_rows(io.BytesIO(PEOPLE.encode()), "csv"),
            ImportOptions(hashes=False),
            source="people.csv",
            actor=olga,
        )
    )
    events = (
        AuditEvent.objects.filter(kind="imported")
        .order_by("pk")
        .values_list("user__username", "name", "actor__username", "data")
    )
    assert [*events] == [
        ("carol", "carol", "olga", {"source": "people.csv"}),
        ("dave", "dave", "olga", {"source": "people.csv"}),
    ]


def import_hash(actor=None, **options):
    row = json.dumps({"username": "carol", "password_hash": bcrypt_hash()}).encode()
    return [
        *import_rows(
            read_rows(io.BytesIO(row), "jsonl"),
            ImportOptions(**options),
            source="people.jsonl",
            actor=actor,
        )
    ]


def test_hashes_are_imported_by_super_admins_with_a_reason_only(olga, bob):
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    with pytest.raises(NotPermitted):
        import_hash(User.objects.get(pk=bob.pk), reason="moving")
    refusal = AuditEvent.objects.get()
    assert (refusal.kind, refusal.actor) == (AuditEvent.Kind.ACTION_REFUSED, bob)
    with pytest.raises(MissingReason):
        import_hash(olga, reason=" ")
    assert not User.objects.filter(username="carol").exists()
    import_hash(olga, reason="moving from the old portal")
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.IMPORTED)
    assert (event.actor, told_of(event)) == (
        olga,
        "from people.jsonl, with a password hash: moving from the old portal",
    )


def test_an_import_of_hashes_by_command_is_on_record(tmp_path):
    file = tmp_path / "people.jsonl"
    file.write_text(json.dumps({"username": "carol", "password_hash": bcrypt_hash()}))
    call_command("import_users", str(file), reason="moving")
    assert told_of(AuditEvent.objects.get()) == "from people.jsonl, with a password hash: moving"


def test_plain_passwords_open_at_once(caller):
    import_text(f"username,password\ncarol,{PASSWORD}\ndave,'=another one\n")
    assert {user.password.startswith(CURRENT) for user in User.objects.all()} == {True}
    assert caller.json(LOGIN, {"username": "carol", "password": PASSWORD}).status_code == 200
    assert caller.json(LOGIN, {"username": "dave", "password": "'=another one"}).status_code == 200


def test_a_weak_password_is_refused_or_has_to_be_changed():
    people = "username,password\ncarol,password1\ndave,carolcarol\n"
    assert "too common" in refusals(people)[2]
    assert User.objects.get().username == "dave"
    assert (
        import_text(people, accept_weak=True)[0].reason
        == "a weak password: it has to be changed at the first login"
    )
    assert User.objects.get(username="carol").must_change_password
    assert "too long" in refusals(f"username,password\nerin,{'x' * 1025}\n", accept_weak=True)[2]


def test_roles_come_in_only_where_that_is_asked_for():
    people = "username,role\ncarol,super_admin\ndave,admin\nerin,user\nfay,root\n"
    assert refusals(people) == {
        2: "role: super_admins are not imported unless that is asked for (--roles)",
        3: "role: admins are not imported unless that is asked for (--roles)",
        5: "role: none of user, admin, super_admin",
    }
    import_text(people, roles=True)
    assert {user.username: user.role for user in User.objects.all()} == {
        "carol": "super_admin",
        "dave": "admin",
        "erin": "user",
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"username": "carol@example.com"}, "username: A user name holds no @"),
        ({"username": "ca\u200brol"}, "username: A user name holds no control"),
        ({"username": "Erased-1f2e3d4c"}, "username: A user name does not begin with erased-"),
        ({"username": "key_a1b2c3d4"}, "username: A user name does not begin with key_"),
        ({"username": "x" * 151}, "username: Ensure this value has at most 150"),
        ({"username": "   "}, "username: there is none"),
        ({"email": "a@b.de"}, "username: there is none"),
        ({"username": 7}, "username: not text"),
        ({"username": "carol", "email": "nowhere"}, "email: Enter a valid email"),
        ({"username": "carol", "email": "carol@" + "x" * 300 + ".de"}, "email: "),
        ({"username": "carol", "name": "x" * 201}, "name: Ensure this value has at most 200"),
        ({"username": "carol", "name": "a\0b"}, "name: holds what is no character"),
        ({"username": "carol", "name": "\ud800"}, "name: holds what is no character"),
        ({"username": "carol", "name": ["Carol"]}, "name: not text"),
        ({"username": "carol", "language": "tlh"}, "language: Value 'tlh' is not a valid choice."),
        ({"username": "carol", "is_active": "maybe"}, "is_active: neither true nor false"),
        ({"username": "carol", "uuid": "7"}, "uuid: none"),
        ({"username": "carol", "created_at": "yesterday"}, "created_at: no date"),
        ({"username": "carol", "created_at": "2020-02-30T00:00:00Z"}, "created_at: no date"),
        ({"username": "carol", "created_at": 1700000000}, "created_at: no date"),
        ({"username": "carol", "created_at": "0001-01-01T00:00:00+14:00"}, "created_at: no date"),
        ({"username": "carol", "role": ["admin"]}, "role: "),
        (
            {"username": "carol", "password": PASSWORD, "password_hash": "$2b$"},
            "password: give it plain or hashed, not both",
        ),
        ({"username": "carol", "nickname": "caz"}, "There is no column 'nickname'."),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_a_reason_that_names_the_column(row, reason):
    result = import_text(json.dumps(row), "jsonl")[0]
    assert (result.line, str(result.status)) == (1, "refused")
    assert result.reason.startswith(reason)
    assert PASSWORD not in result.reason
    assert not User.objects.exists()
