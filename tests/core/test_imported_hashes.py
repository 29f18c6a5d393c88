"""Password hashes from elsewhere: those that open an account, and those that are refused."""

import base64
import hashlib
import json

import argon2
import bcrypt
import pytest
from django.contrib.auth.hashers import make_password

from accounts import passwords
from accounts.errors import InvalidCredentials
from accounts.hashing import uniform_timing
from accounts.hashing.imported_formats import RefusedHash, stored
from accounts.hashing.stored_hashes import CURRENT, DamagedHash, read
from accounts.models import AuditEvent, User
from tests.audit_events import reason_of as told_of
from tests.conftest import PASSWORD
from tests.imports import import_text

pytestmark = pytest.mark.usefixtures("db")

LOGIN = "/api/v1/auth/login"
SALT = bytes(range(0xF0, 0x100))  # not UTF-8


def b64(raw):
    return base64.b64encode(raw).decode().rstrip("=")


def ab64(raw):
    return b64(raw).replace("+", ".")


def pbkdf2(name, rounds=1000, length=None, salt=SALT):
    return hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, rounds, length)


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
        + f"{base64.b64encode(SALT).decode()}$"
        + base64.b64encode(pbkdf2("sha256", length=64)).decode()
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
        import_text(json.dumps({"username": "carol", "password_hash": HASHES[kind]()}), "jsonl")[
            0
        ].status
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
    # Of 64 bytes, which takes each round twice.
    f"$pbkdf2-sha256$1300000${b64(SALT)}${b64(SALT * 4)}",
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
def test_hashes_of_recommended_costs_are_accepted(given):
    assert stored(given)


@pytest.mark.parametrize("given", MALFORMED)
def test_a_malformed_hash_is_refused(given):
    with pytest.raises(RefusedHash, match="malformed"):
        stored(given)


def test_a_refused_hash_is_the_verdict_of_its_row_alone():
    results = import_text(
        "username,password_hash\nalice,$2b$31$" + "." * 53 + f"\nbob,{HASHES['bcrypt 2b']()}\n"
    )
    assert [(each.username, str(each.status)) for each in results] == [
        ("alice", "refused"),
        ("bob", "imported"),
    ]
    assert "too much time or memory" in results[0].reason


# Damaged hashes


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
