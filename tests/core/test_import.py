"""Accounts taken in from files: which hashes open, what each row is told, and that nothing is lost or doubled on the way."""

import base64
import csv
import hashlib
import io
import json
import re
import sys
import tracemalloc

import argon2
import bcrypt
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from accounts import password_reset, passwords
from accounts.errors import InvalidCredentials, MissingReason, NotPermitted
from accounts.hashing import uniform_timing
from accounts.hashing.imported_formats import RefusedHash, stored
from accounts.hashing.stored_hashes import CURRENT, DamagedHash, read
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.transfer import import_writer, user_import
from accounts.transfer.file_reader import MAX_LINE_LENGTH, UnreadableFile, read_rows
from accounts.transfer.user_import import ImportOptions, import_rows
from tests.audit_events import lifted
from tests.audit_events import told as told_of
from tests.concurrency import run_and_kill, run_elsewhere
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LOGIN = "/api/v1/auth/login"
SALT = bytes(range(0xF0, 0x100))  # which is no text


def b64(raw):
    return base64.b64encode(raw).decode().rstrip("=")


def ab64(raw):
    return b64(raw).replace("+", ".")


def pbkdf2(name, rounds=1000, length=None, salt=SALT):
    return hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, rounds, length)


def take(text, form="csv", **options):
    """What became of each row of a file."""
    content = text.encode() if isinstance(text, str) else text
    batches = import_rows(
        read_rows(io.BytesIO(content), form), ImportOptions(**options), source="people.csv"
    )
    return [result for batch in batches for result in batch]


def told(results):
    return [(result.line, result.username, str(result.status), result.reason) for result in results]


def refused(text, form="csv", **options):
    """The reasons, by line, of what was refused."""
    return {
        result.line: result.reason
        for result in take(text, form, **options)
        if result.status == "refused"
    }


# Hashes from elsewhere

SCRYPT = hashlib.scrypt(PASSWORD.encode(), salt=SALT, n=16, r=8, p=1, dklen=32)
HASHES = {
    "Django's Argon2": lambda: (
        "argon2" + argon2.PasswordHasher(time_cost=2, memory_cost=128, parallelism=2).hash(PASSWORD)
    ),
    "argon2id": lambda: argon2.PasswordHasher(time_cost=2, memory_cost=128, parallelism=2).hash(
        PASSWORD
    ),
    "argon2i": lambda: argon2.PasswordHasher(memory_cost=64, type=argon2.Type.I).hash(PASSWORD),
    "argon2d": lambda: argon2.PasswordHasher(memory_cost=64, type=argon2.Type.D).hash(PASSWORD),
    "argon2 of version 16, which says none": lambda: argon2.low_level.hash_secret(
        PASSWORD.encode(), SALT, 2, 64, 1, 32, argon2.Type.I, version=16
    ).decode(),
    "bcrypt 2b": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
    "bcrypt 2a": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2a")).decode(),
    "bcrypt 2y, of PHP": lambda: (
        "$2y$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()[4:]
    ),
    "Django's bcrypt": lambda: (
        "bcrypt$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    ),
    "Django's bcrypt with SHA-256": lambda: make_password(PASSWORD, hasher="bcrypt_sha256"),
    "Django's PBKDF2": lambda: (
        "pbkdf2_sha256$1000$a salt$" + base64.b64encode(pbkdf2("sha256", salt=b"a salt")).decode()
    ),
    "Django's PBKDF2 with SHA-1": lambda: make_password(PASSWORD, hasher="pbkdf2_sha1"),
    "passlib's pbkdf2": lambda: f"$pbkdf2$1000${ab64(SALT)}${ab64(pbkdf2('sha1'))}",
    "passlib's pbkdf2-sha256": lambda: f"$pbkdf2-sha256$1000${ab64(SALT)}${ab64(pbkdf2('sha256'))}",
    "passlib's pbkdf2-sha512": lambda: f"$pbkdf2-sha512$1000${ab64(SALT)}${ab64(pbkdf2('sha512'))}",
    "PHC's pbkdf2-sha256": lambda: (
        f"$pbkdf2-sha256$i=1000,l=32${b64(SALT)}${b64(pbkdf2('sha256', length=32))}"
    ),
    "Keycloak's values": lambda: (
        "$pbkdf2-sha256$1000$"
        + f"{base64.b64encode(SALT).decode()}${base64.b64encode(pbkdf2('sha256', length=64)).decode()}"
    ),
    "passlib's scrypt": lambda: f"$scrypt$ln=4,r=8,p=1${b64(SALT)}${b64(SCRYPT)}",
    "Django's scrypt": lambda: make_password(PASSWORD, hasher="scrypt"),
    "Django's scrypt at another cost": lambda: (
        "scrypt$16$a salt$4$2$"
        + base64.b64encode(
            hashlib.scrypt(PASSWORD.encode(), salt=b"a salt", n=16, r=4, p=2, dklen=64)
        ).decode()
    ),
}
# Of passlib's documentation; the password is "password".
PUBLISHED = [
    "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M",
    "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE",
    "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
]


@pytest.mark.parametrize("kind", HASHES)
def test_an_imported_hash_opens_a_door_once_and_is_made_anew(caller, kind):
    assert (
        take(json.dumps({"username": "carol", "password_hash": HASHES[kind]()}), "jsonl")[0].status
        == "imported"
    )
    assert caller.json(LOGIN, {"username": "carol", "password": "wrong"}).status_code == 401
    assert caller.json(LOGIN, {"username": "carol", "password": PASSWORD}).status_code == 200
    assert User.objects.get().password.startswith(CURRENT)
    assert caller.json(LOGIN, {"username": "carol", "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize("published", PUBLISHED)
def test_hashes_that_were_published_open(published):
    assert uniform_timing.check("password", stored(published), "alice").right
    assert not uniform_timing.check("Password", stored(published), "alice").right


@pytest.mark.parametrize("kind", HASHES)
def test_a_stored_hash_is_as_good_as_before_when_it_moves_once_more(kind):
    once = stored(HASHES[kind]())
    assert stored(once) == once
    assert len(once) <= 255


TOO_DEAR = [
    "$2b$31$" + "." * 53,
    "bcrypt_sha256$$2b$16$" + "." * 53,
    "$2b$14$" + "." * 53,
    f"$argon2id$v=19$m=131072,t=5,p=1${b64(SALT)}${b64(SALT)}",
    f"$scrypt$ln=17,r=8,p=2${b64(SALT)}${b64(SALT)}",
    f"pbkdf2_sha256$2500001$salt${b64(SALT)}",
    f"pbkdf2_sha1$1500001$salt${b64(SALT)}",
    f"$pbkdf2-sha256$1300000${b64(SALT)}${b64(SALT * 4)}",  # of 64 bytes, which takes each round twice
    f"$pbkdf2-sha512$1600000${b64(SALT)}${b64(SALT * 4)}",
    f"$argon2id$v=19$m=4194304,t=1,p=1${b64(SALT)}${b64(SALT)}",
    f"$argon2id$v=19$m=65536,t=1000,p=1${b64(SALT)}${b64(SALT)}",
    f"$argon2id$v=19$m=65536,t=1,p=64${b64(SALT)}${b64(SALT)}",
    f"$scrypt$ln=30,r=8,p=1${b64(SALT)}${b64(SALT)}",
    f"$scrypt$ln=14,r=8,p=1000${b64(SALT)}${b64(SALT)}",
    f"scrypt$1073741824$salt$8$1${b64(SALT)}",
    f"$pbkdf2-sha256$900000000${b64(SALT)}${b64(SALT)}",
    f"pbkdf2_sha256$900000000$salt${b64(SALT)}",
]
MALFORMED = [
    "",
    "!",
    "secret",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
    "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "$6$salt$hash",
    "$2b$12$short",
    "$2b$03$" + "." * 53,
    "$2x$12$" + "." * 53,
    "$argon2id$v=19$m=64,t=1,p=1$YWJj$" + b64(SALT),
    f"$argon2id$v=19$m=64,t=0,p=1${b64(SALT)}${b64(SALT)}",
    f"$argon2id$v=19$m=8,t=1,p=4${b64(SALT)}${b64(SALT)}",
    f"$argon2id$v=19$m=64,t=1,p=1${b64(SALT)}$AAAAA",
    f"$argon2id$v=19$m=64,t=1,p=1,keyid=abc${b64(SALT)}${b64(SALT)}",
    f"$pbkdf2-sha256$0${b64(SALT)}${b64(SALT)}",
    f"$pbkdf2-sha256$1000${b64(SALT)}$AAAA",
    f"$pbkdf2-sha256$i=1000,l=20${b64(SALT)}${b64(SALT)}",
    f"$pbkdf2-md5$1000${b64(SALT)}${b64(SALT)}",
    f"$scrypt$ln=0,r=8,p=1${b64(SALT)}${b64(SALT)}",
    f"scrypt$1000$salt$8$1${b64(SALT)}",
    "pbkdf2_sha256$1000$sa$lt$" + b64(SALT),
    "pbkdf2_sha256$1000$salt$" + b64(SALT) + "\n",
    "pbkdf2_sha256$" + "9" * 5000 + "$salt$" + b64(SALT),
]


@pytest.mark.parametrize("given", TOO_DEAR)
def test_a_hash_that_would_make_each_login_dear_is_refused(given):
    with pytest.raises(RefusedHash, match="too much time or memory"):
        stored(given)


@pytest.mark.parametrize(
    "given",
    [
        "$2b$13$" + "." * 53,
        f"$argon2id$v=19$m=131072,t=4,p=1${b64(SALT)}${b64(SALT)}",
        f"$argon2id$v=19$m=65536,t=3,p=4${b64(SALT)}${b64(SALT)}",  # RFC 9106's second choice
        f"$scrypt$ln=17,r=8,p=1${b64(SALT)}${b64(SALT * 2)}",  # OWASP's
        f"pbkdf2_sha256$2000000$salt${b64(SALT * 2)}",
        f"pbkdf2_sha1$1400000$salt${b64(SALT)}",  # OWASP's
        f"$pbkdf2-sha512$210000${b64(SALT)}${b64(SALT * 4)}",  # OWASP's, and Keycloak's
    ],
)
def test_what_is_recommended_anywhere_is_not_too_dear(given):
    assert stored(given)


@pytest.mark.parametrize("given", MALFORMED)
def test_a_malformed_hash_is_refused(given):
    with pytest.raises(RefusedHash, match="malformed"):
        stored(given)


def test_a_refused_hash_is_the_verdict_of_its_row_alone():
    results = take(
        "username,password_hash\nalice,$2b$31$" + "." * 53 + f"\nbob,{HASHES['bcrypt 2b']()}\n"
    )
    assert [(each.username, str(each.status)) for each in results] == [
        ("alice", "refused"),
        ("bob", "imported"),
    ]
    assert "too much time or memory" in results[0].reason


# Damaged ones


@pytest.mark.parametrize(
    "damaged",
    [
        "secret",
        "md5$salt$0123",
        "argon2$argon2id$v=19$m=64,t=1,p=1$AAAA",
        f"argon2$argon2id$v=19$m=64,t=1,p=1${b64(SALT)}$AAAAA",
        "bcrypt$$2b$12$short",
        "pbkdf2_sha256$many$salt$hash",
        "scrypt$1",
        f"phc$scrypt$ln=4,r=0,p=1${b64(SALT)}${b64(SALT)}",
        f"phc$scrypt$ln=60,r=8,p=1${b64(SALT)}${b64(SALT)}",
        "phc$",
        "$$$",
    ],
)
def test_a_damaged_hash_is_an_ordinary_refusal_with_its_true_reason(caller, alice, damaged):
    User.objects.update(password=damaged)
    answers = [
        caller.json(LOGIN, {"username": name, "password": PASSWORD}) for name in ("alice", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert "damaged" in told_of(AuditEvent.objects.get(user=alice))
    with pytest.raises(InvalidCredentials):
        passwords.change(alice.pk, PASSWORD, "another one, and longer")


def test_a_hash_never_shows_itself():
    hash_ = read(make_password(PASSWORD))
    assert hash_.blank not in repr(hash_)
    assert repr(hash_) == f"StoredHash({CURRENT})"
    with pytest.raises(DamagedHash):
        read("")


# What is in a row

PEOPLE = """\
username,email,name,organization,aws_region,language,is_active,must_change_password,uuid,created_at,last_login
Carol,Carol@Example.com,Carol Danvers,NASA,eu-north-1,de,true,no,6f2c3f6e-7d6b-4c58-9d3c-0b3e6d1f2a10,2020-02-29T10:00:00+02:00,2024-01-01
dave,,,,,,0,yes,,,
"""


def test_every_column_is_taken_over():
    assert told(take(PEOPLE)) == [
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
    row = json.dumps({"username": "carol", "password_hash": HASHES["bcrypt 2b"]()}).encode()
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


def test_who_owns_the_machine_imports_hashes_on_record(tmp_path):
    file = tmp_path / "people.jsonl"
    file.write_text(json.dumps({"username": "carol", "password_hash": HASHES["bcrypt 2b"]()}))
    call_command("import_users", str(file), reason="moving")
    assert told_of(AuditEvent.objects.get()) == "from people.jsonl, with a password hash: moving"


def test_plain_passwords_open_at_once(caller):
    take(f"username,password\ncarol,{PASSWORD}\ndave,'=another one\n")
    assert {user.password.startswith(CURRENT) for user in User.objects.all()} == {True}
    assert caller.json(LOGIN, {"username": "carol", "password": PASSWORD}).status_code == 200
    assert caller.json(LOGIN, {"username": "dave", "password": "'=another one"}).status_code == 200


def test_a_weak_password_is_refused_or_has_to_be_changed():
    people = "username,password\ncarol,password1\ndave,carolcarol\n"
    assert "too common" in refused(people)[2]
    assert User.objects.get().username == "dave"
    assert (
        take(people, accept_weak=True)[0].reason
        == "a weak password: it has to be changed at the first login"
    )
    assert User.objects.get(username="carol").must_change_password
    assert "too long" in refused(f"username,password\nerin,{'x' * 1025}\n", accept_weak=True)[2]


def test_roles_come_in_only_where_that_is_asked_for():
    people = "username,role\ncarol,super_admin\ndave,admin\nerin,user\nfay,root\n"
    assert refused(people) == {
        2: "role: super_admins are not imported unless that is asked for (--roles)",
        3: "role: admins are not imported unless that is asked for (--roles)",
        5: "role: none of user, admin, super_admin",
    }
    take(people, roles=True)
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
    result = take(json.dumps(row), "jsonl")[0]
    assert (result.line, str(result.status)) == (1, "refused")
    assert result.reason.startswith(reason)
    assert PASSWORD not in result.reason
    assert not User.objects.exists()


# Names that meet


def test_names_that_differ_only_by_case_or_width_are_reported_as_such(alice):
    people = "username,email\nＡlice,\nBob,bob@example.com\nＢＯＢ,\nbob ,\nBob,\ndave,BOB@example.com\nerin,Alice@Example.com\n"
    assert told(take(people)) == [
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
    assert refused(people, dry_run=True) == {
        5: "the user name differs from that of line 3 only in case, width or space"
    }
    assert not User.objects.exists()
    assert refused(people) == {
        5: "the user name differs from that of line 3 only in case, width or space"
    }


def test_a_uuid_is_of_one_account(alice):
    other = "6f2c3f6e-7d6b-4c58-9d3c-0b3e6d1f2a10"
    assert refused(
        f"username,uuid\nalice,{other}\ncarol,{alice.uuid}\ndave,{other}\nerin,{other}\n"
    ) == {
        2: "the user name belongs to another account, with another uuid",
        3: "the uuid belongs to alice",
        5: "the same uuid as in line 4",
    }


def test_an_account_that_is_there_is_left_alone_unless_it_is_to_be_updated(alice):
    before = dict(User.objects.values().get())
    people = "username,name,email,organization,password,is_active,role\nalice,Alice Pleasance,new@example.com,,another long one,false,admin\n"
    result = take(people, roles=True)[0]
    assert (str(result.status), result.reason) == (
        "unchanged",
        "there already; differs in email, name",
    )
    assert User.objects.values().get() == before
    reset = password_reset.make(alice).reset
    result = take(people, roles=True, update=True)[0]
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
    take("username,email\nalice,new@example.com\n", update=True)
    delivery.deliver_due()
    assert {mail.to[0] for mail in mailoutbox} == {"alice@example.com", "new@example.com"}
    assert "alice@example.com → new@example.com" in told_of(
        AuditEvent.objects.get(kind="identifiers_changed")
    )


def test_an_account_that_somebody_makes_meanwhile_is_found_at_the_second_try(monkeypatch):
    write, others = import_writer.BatchWriter.write, iter(["dave"])

    def write_later(writer, plan):
        for name in others:
            User.objects.create_user(name)
            raise IntegrityError(
                "as the database says when the name was taken between the look and the write"
            )
        write(writer, plan)

    monkeypatch.setattr(import_writer.BatchWriter, "write", write_later)
    results = take(
        f"username,password,created_at\ncarol,{PASSWORD},2020-01-01T00:00:00Z\ndave,{PASSWORD},\n"
    )
    assert [(each.username, str(each.status)) for each in results] == [
        ("carol", "imported"),
        ("dave", "unchanged"),
    ]
    assert User.objects.get(username="carol").created_at.year == 2020


# Files


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfusername,name\ncarol,Caf\xc3\xa9\n",
        b"username,name\r\ncarol,Caf\xc3\xa9\r\n",
        b"username;name\ncarol;Caf\xc3\xa9",
        b"username\tname\ncarol\tCaf\xc3\xa9\n\n\n",
        b'\n"Username", NAME \n"carol","Caf\xc3\xa9"\n',
    ],
)
def test_files_are_read_as_programs_write_them(content):
    assert [str(each.status) for each in take(content)] == ["imported"]
    assert User.objects.get().name == "Café"


def test_a_quoted_field_may_hold_commas_quotes_and_lines():
    results = take('username,name\ncarol,"Danvers, ""Carol""\nof Boston"\ndave,\n')
    assert [result.line for result in results] == [2, 4]
    assert User.objects.get(username="carol").name == 'Danvers, "Carol"\nof Boston'


@pytest.mark.parametrize(
    ("content", "form", "sentence"),
    [
        (b"", "csv", "The file is empty."),
        (b"\n \n", "csv", "The file is empty."),
        (b"", "jsonl", "The file is empty."),
        (b"\n\n", "jsonl", "The file is empty."),
        ("username\ncarol\n".encode("utf-16"), "csv", "UTF-16"),
        ("username\ncarol\n".encode("utf-16-le"), "csv", "UTF-16"),
        ('{"username": "carol"}'.encode("utf-16"), "jsonl", "UTF-16"),
        (b"PK\x03\x04\x00\x00\x08", "csv", "no text at all"),
        (b"carol,secret words of hers\n", "csv", "has to name the columns"),
        (b"user,email\ncarol,\n", "csv", "has to name the columns"),
        (b'"username,email\n', "csv", "has to name the columns"),
        (b"username,nickname,shoe size\n", "csv", "There is no column 'nickname', 'shoe size'."),
        (b"username,email,email\n", "csv", "'email' twice"),
        (b"username," + b"x" * MAX_LINE_LENGTH, "csv", "longer than 64 KiB"),
        (b'[{"username": "carol"}]', "jsonl", "one JSON array"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_a_sentence(content, form, sentence):
    with pytest.raises(UnreadableFile) as refusal:
        take(content, form)
    assert sentence in str(refusal.value)
    assert "secret words" not in str(refusal.value)


def test_what_is_wrong_with_one_row_costs_no_other():
    content = b"\n".join(
        [
            b"username,name",
            b"carol,Caf\xe9",
            b"dave",
            b"erin,a,b",
            b'fay,"F"ay',
            b"x" * (MAX_LINE_LENGTH + 5),
            b"gus,a\0b",
            b"hal,Hal",
            b'ida,"Ida',
            b"joe,",
        ]
    )
    assert refused(content) == {
        2: "line 2 is not UTF-8, at its byte 10",
        3: "1 fields, where the first line names 2 columns",
        4: "3 fields, where the first line names 2 columns",
        5: "a quotation mark in the middle of a field: it has to be doubled",
        6: "line 6 is longer than 64 KiB",
        7: "name: holds what is no character",
        9: "a quotation mark is opened and not closed; lines 9 to 10 are left out",
    }
    assert User.objects.get().username == "hal"


def test_what_is_wrong_with_one_object_costs_no_other():
    lines = [
        "7",
        "[]",
        "{",
        '{"username": "a", "username": "b"}',
        '{"username": NaN}',
        "[" * 9000,
        '{"username": ' + "9" * 5000 + "}",
    ]
    assert refused(
        "\n".join(
            ['{"username": "carol"}', *lines, '{"username": "dave"}', '"\xff'.encode().decode()]
        ),
        "jsonl",
    ) == {
        2: "not a JSON object",
        3: "not a JSON object",
        4: "not JSON",
        5: "'username' stands there twice.",
        6: "username: not text",
        7: "not JSON",
        8: "not JSON",
        10: "not JSON",
    }
    assert {user.username for user in User.objects.all()} == {"carol", "dave"}


class Endless(io.RawIOBase):
    """A line of a hundred megabytes, which nobody has to hold."""

    def __init__(self):
        self.left = 100 * 2**20

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), self.left)
        buffer[:size] = b"x" * size
        self.left -= size
        return size


def test_a_line_of_a_hundred_megabytes_takes_no_memory():
    tracemalloc.start()
    read = list(read_rows(io.BufferedReader(Endless()), "jsonl"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.fault for row in read] == ["line 1 is longer than 64 KiB"]
    assert peak < 2**20


# Many


def many(count):
    yield b"username,email,name,password_hash\n"
    encoded = HASHES["bcrypt 2b"]()
    for number in range(count):
        yield f"person{number},person{number}@example.com,Person {number},{encoded}\n".encode()


class Stream(io.RawIOBase):
    """Lines as they are asked for."""

    def __init__(self, lines):
        self.lines, self.rest = lines, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        self.rest = self.rest or next(self.lines, b"")
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


def peak_of(count):
    tracemalloc.start()
    for results in import_rows(
        read_rows(io.BufferedReader(Stream(many(count))), "csv"),
        ImportOptions(dry_run=True),
        source="many",
    ):
        assert results[0].status == "imported"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_file():
    peak_of(600)
    assert peak_of(6000) < peak_of(1500) + 512 * 1024


@pytest.mark.own_sql
def test_a_batch_costs_as_many_queries_as_any_other(monkeypatch):
    def queries_of(count):
        with lifted():
            AuditEvent.objects.all().delete()
        User.objects.all().delete()
        with CaptureQueriesContext(connection) as captured:
            take(b"".join(many(count)))
        return len(
            [
                query
                for query in captured.captured_queries
                if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
            ]
        )

    monkeypatch.setattr(user_import, "BATCH_SIZE", 20)
    two = queries_of(2)
    assert queries_of(20) == two
    assert queries_of(40) == 2 * two
    assert two <= 5  # three looks, the accounts, the events


# The command


def run(tmp_path, content, *arguments, name="people.csv"):
    """What the command printed, to both sides."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    out, err = io.StringIO(), io.StringIO()
    call_command("import_users", str(path), *arguments, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def test_a_dry_run_says_what_will_happen_and_then_it_does(tmp_path, alice):
    people = f"username,password\nAlice,\ncarol,{PASSWORD}\ndave,short\n"
    printed = run(tmp_path, people, "--dry-run", "--report", str(tmp_path / "dry.jsonl"))
    assert (
        "1 would be imported, 0 would be updated, 1 would be unchanged, 1 would be refused.\nNothing was written."
        in printed
    )
    assert (User.objects.count(), AuditEvent.objects.count()) == (1, 0)
    printed = run(tmp_path, people, "--report", str(tmp_path / "real.jsonl"))
    assert "1 imported, 0 updated, 1 unchanged, 1 refused." in printed
    assert "line 4: dave: password: This password is too short" in printed
    assert (tmp_path / "dry.jsonl").read_text() == (tmp_path / "real.jsonl").read_text()
    assert PASSWORD not in printed + (tmp_path / "real.jsonl").read_text()
    assert not OutgoingMail.objects.exists()


def test_a_report_is_private_and_no_spreadsheet_runs_it(tmp_path):
    run(tmp_path, "username,name\n=cmd()|a,\n", "--report", str(tmp_path / "report.csv"))
    report = tmp_path / "report.csv"
    assert report.stat().st_mode & 0o777 == 0o600
    assert next(csv.reader([report.read_text().splitlines()[1]]))[:3] == [
        "2",
        "'=cmd()|a",
        "imported",
    ]


def test_the_same_file_again_changes_nothing(tmp_path):
    run(tmp_path, PEOPLE)
    before = [*User.objects.order_by("pk").values()]
    assert "0 imported, 0 updated, 2 unchanged, 0 refused." in run(tmp_path, PEOPLE)
    assert [*User.objects.order_by("pk").values()] == before


def test_standard_input_is_read_as_it_is_told_to_be(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"username": "carol"}\n')))
    with pytest.raises(CommandError, match="--format"):
        call_command("import_users", "-")
    call_command(
        "import_users", "-", "--format", "jsonl", stdout=io.StringIO(), stderr=io.StringIO()
    )
    assert User.objects.get().username == "carol"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv"], "nowhere.csv: No such file or directory."),
        (["."], "Is a directory"),
        (["README.md"], "has to end in .csv or .jsonl"),
        (["README.md", "--format", "csv"], "has to name the columns"),
        (
            ["README.md", "--format", "csv", "--report", "/nowhere/report.csv"],
            "/nowhere/report.csv: No such file",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(arguments, sentence):
    with pytest.raises(CommandError) as refusal:
        call_command("import_users", *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert sentence in str(refusal.value)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_killed_is_finished_by_running_it_again(tmp_path):
    """At most the batch under way is lost, nothing is doubled, and no account comes without its record."""
    people = tmp_path / "people.csv"
    people.write_bytes(b"".join(many(4000)))
    command = "manage.py", "import_users", str(people)
    events = AuditEvent.objects.filter(kind="imported")
    for there in (0, 1000):
        run_and_kill(*command, once=User.objects.order_by("pk")[there:].exists)
        assert there < User.objects.count() < 4000
        assert not User.objects.exclude(pk__in=events.values("user")).exists()
    imported, updated, unchanged, refused = map(int, re.findall(r"\d+", run_elsewhere(*command)))
    assert (imported + unchanged, updated, refused, unchanged % user_import.BATCH_SIZE) == (
        4000,
        0,
        0,
        0,
    )
    assert (
        User.objects.count() == events.count() == events.values("user").distinct().count() == 4000
    )


def test_who_has_a_reserved_name_already_is_updated(alice):
    User.objects.filter(pk=alice.pk).update(username="key_alice")
    assert told(take("username,name\nkey_alice,Alice\n", update=True)) == [
        (2, "key_alice", "updated", "name")
    ]


def test_a_region_that_is_none_is_refused_like_that_of_the_credentials():
    taken = take("username,aws_region\ncarol,Stockholm; rm -rf\ndave,eu-north-1\nerin,\n")
    assert [(name, result) for _, name, result, _ in told(taken)] == [
        ("carol", "refused"),
        ("dave", "imported"),
        ("erin", "imported"),
    ]
    assert told(taken)[0][3] == "aws_region: A region is written like eu-north-1."
