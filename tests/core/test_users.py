"""Users: one spelling of their names, and the credentials that a change ends."""

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts import identities, passwords, refresh, sessions
from accounts.errors import InvalidCredentials, InvalidRefreshToken, InvalidToken, UnknownAccount
from accounts.identifiers import normalise
from accounts.models import Session, User
from accounts.policy import Policy
from tests.conftest import PASSWORD

db = pytest.mark.django_db
POLICY = Policy(name="bearer", access=timedelta(hours=1), refresh=timedelta(days=30))


def log_in(password=PASSWORD):
    return sessions.open_session(POLICY, "alice", password)


# Names


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Alice", "alice"),
        ("  alice\t", "alice"),
        ("ＡＬＩＣＥ", "alice"),
        ("Alice＠Example.com", "alice@example.com"),
        ("ΌΣΣΟΣ", "όσσος"),
        ("STRASSE", "strasse"),
        ("Straße", "straße"),
        ("e\u0301mile", "émile"),
        ("\u3000ﬁona\u00a0", "fiona"),
        ("аlice", "аlice"),
        ("alıce", "alıce"),
    ],
)
def test_a_name_has_one_spelling(typed, stored):
    assert normalise(typed) == stored


@settings(deadline=None)
@given(st.text())
@example("İ")
@example("ϓ\u0301")
@example("\u2126Σ")
@example(" \u00b4a\u00a8 ")
@example("ﷺ")
@example("K\u0331")
def test_a_normalised_name_stays_as_it_is(typed):
    once = normalise(typed)
    assert normalise(once) == once
    assert once == once.strip() == once.lower()


@settings(deadline=None)
@given(st.text(), st.sampled_from([str.upper, str.lower, str.title, " {} ".format]))
@example("ß", str.title)
def test_the_case_of_ascii_and_the_space_around_never_matter(typed, change):
    plain = "".join(letter for letter in typed if letter.isascii())
    assert normalise(change(plain)) == normalise(plain)


@db
@pytest.mark.parametrize(
    "typed", ["ALICE", " alice ", "ａｌｉｃｅ", "ALICE@example.com", "alice＠EXAMPLE.com "]
)
def test_an_account_is_found_by_what_people_type(alice, typed):
    assert User.objects.find(typed) == alice


@db
@pytest.mark.parametrize(
    "typed",
    [
        "аlice",
        "alıce",
        "alice\u200b",
        "a lice",
        "alice@",
        "@alice",
        "",
        " ",
        "example.com",
        "%",
        "alice%",
    ],
)
def test_an_account_is_not_found_by_what_looks_alike(alice, typed):
    assert User.objects.find(typed) is None


@db
def test_a_name_is_stored_in_its_one_spelling(alice):
    user = User.objects.create_user("ＢＯＢ ", PASSWORD, email=" Bob@Example.com")
    user.refresh_from_db()
    assert (user.username, user.email) == ("bob", "bob@example.com")
    user.username, user.email = "Robert", ""
    user.save()
    user.refresh_from_db()
    assert (user.username, user.email) == ("robert", None)


@db
@pytest.mark.parametrize(
    "fields", [{"username": "ALICE"}, {"username": "bob", "email": "Alice@EXAMPLE.com"}]
)
def test_nobody_else_can_have_the_same_name_or_address(alice, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(password=PASSWORD, **fields)


@db
def test_many_may_have_no_address():
    for name in ("alice", "bob", "olga"):
        User.objects.create_user(name, PASSWORD)
    assert User.objects.filter(email=None).count() == 3


@db
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("username", "Alice"),
        ("username", "alice@example.com"),
        ("username", ""),
        ("email", "Alice@example.com"),
        ("email", "alice"),
    ],
)
def test_the_database_refuses_what_went_past_the_model(alice, column, value):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE accounts_user SET {column} = %s", [value])  # noqa: S608


@pytest.mark.parametrize(
    "name", ["alice@example.com", "alice＠home", "ali\nce", "ali\0ce", "", " ", "x" * 151]
)
def test_some_names_are_none(name):
    with pytest.raises(ValidationError) as refusal:
        User(username=name, password="x").clean_fields()
    assert list(refusal.value.message_dict) == ["username"]


# Ended credentials


@db
def test_deactivation_ends_every_session_and_reactivation_revives_none(alice):
    logins = [log_in(), log_in()]
    alice.is_active = False
    alice.save()
    alice.is_active = True
    alice.save()
    for issued in logins:
        with pytest.raises(InvalidToken, match="session_ended"):
            identities.identify(issued.access)
        with pytest.raises(InvalidRefreshToken, match="session_ended"):
            refresh.refresh_session(POLICY, issued.refresh)
    assert set(Session.objects.values_list("revoked_reason", flat=True)) == {"account_inactive"}


@db
def test_a_row_that_was_deactivated_by_hand_is_out_too(alice):
    issued = log_in()
    User.objects.update(is_active=False)
    with pytest.raises(InvalidToken):
        identities.identify(issued.access)
    with pytest.raises(InvalidRefreshToken):
        refresh.refresh_session(POLICY, issued.refresh)
    with pytest.raises(InvalidCredentials, match="account_inactive"):
        log_in()


@db
def test_a_password_set_anew_ends_every_session(alice, bob):
    hers, his = log_in(), sessions.open_session(POLICY, "bob", PASSWORD)
    alice.set_password("another good horse")
    alice.save()
    with pytest.raises(InvalidToken, match="session_ended"):
        identities.identify(hers.access)
    assert identities.identify(his.access).username == "bob"
    assert log_in("another good horse").access


@db
def test_a_temporary_password_ends_every_session_and_opens_none(alice):
    log_in()
    passwords.set_temporary(alice, "told by the operator")
    assert not Session.objects.live().exists()
    alice.refresh_from_db()
    assert (alice.must_change_password, alice.check_password("told by the operator")) == (
        True,
        True,
    )


@db
def test_other_changes_end_nothing(alice):
    issued = log_in()
    before = User.objects.get(pk=alice.pk).credential_version
    alice.name, alice.email, alice.is_staff = "Alice", "alice@example.org", True
    alice.save()
    assert identities.identify(issued.access).email == "alice@example.org"
    assert User.objects.get(pk=alice.pk).credential_version == before


@db
@pytest.mark.parametrize("hasher", ["pbkdf2_sha256", "pbkdf2_sha1", "scrypt"])
def test_an_imported_hash_is_upgraded_at_login_and_ends_no_session(alice, hasher):
    issued = log_in()
    User.objects.update(password=make_password(PASSWORD, hasher=hasher))
    assert log_in().access
    alice.refresh_from_db()
    assert alice.password.startswith("argon2$argon2id$v=19$m=64,t=1,p=1$")
    assert identities.identify(issued.access).username == "alice"
    assert log_in().access


@db
def test_an_argon2_hash_of_another_cost_is_upgraded_too(alice):
    from argon2 import PasswordHasher

    User.objects.update(
        password="argon2"
        + PasswordHasher(time_cost=2, memory_cost=128, parallelism=1).hash(PASSWORD)
    )
    log_in()
    alice.refresh_from_db()
    assert "$m=64,t=1,p=1$" in alice.password
    assert log_in().access


@db
def test_a_wrong_password_upgrades_nothing(alice):
    imported = make_password(PASSWORD, hasher="pbkdf2_sha256")
    User.objects.update(password=imported)
    with pytest.raises(InvalidCredentials, match="wrong_password"):
        log_in("wrong")
    alice.refresh_from_db()
    assert alice.password == imported


@db
@pytest.mark.parametrize("stored", ["", "!", "!unusable", "plain", "md5$salt$hash"])
def test_a_hash_that_nobody_can_match_opens_nothing(alice, stored):
    User.objects.update(password=stored)
    for password in (PASSWORD, stored, ""):
        with pytest.raises(InvalidCredentials, match=r"wrong_password|damaged_hash"):
            log_in(password)


@db
def test_the_true_reason_is_for_the_audit_log_only(alice):
    with pytest.raises(UnknownAccount, match="no_such_account"):
        sessions.open_session(POLICY, "nobody", PASSWORD)
    User.objects.update(is_active=False)
    with pytest.raises(InvalidCredentials, match="wrong_password"):
        log_in("wrong")


@db
def test_roles_follow_djangos_flags(alice, olga):
    assert (alice.role, alice.is_admin) == ("user", False)
    alice.is_staff = True
    assert (alice.role, alice.is_admin) == ("admin", True)
    assert (olga.role, olga.is_admin) == ("super_admin", True)
