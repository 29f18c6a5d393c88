"""Requests to every login: fields that are taken as they are, and fields that are ignored."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from accounts.hashing.hashers import TunedArgon2PasswordHasher
from accounts.models import User
from tests.contracts.endpoints import LOGINS, READING, each, problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plenty(settings):
    """Raise all limits, so that no request is refused for how often it was sent."""
    settings.LOGIN_RATE_PER_NAME = settings.LOGIN_RATE_PER_ADDRESS = (
        settings.CHALLENGE_REFRESH_RATE
    ) = "1000000/5m"
    settings.LOGIN_RATE_PER_NAME_DAILY = "1000000/1d"


def signed_in(caller, user: User, password: str) -> set[int]:
    """Return the statuses of this login at every endpoint, as a form and as JSON."""
    asked = [(each, each.client.login_fields(user.username, password)) for each in LOGINS]
    answers = [
        *(caller.json(to.path, fields, method=to.method) for to, fields in asked if to.json),
        *(
            caller.form(to.path, urlencode(fields), method=to.method)
            for to, fields in asked
            if to.form
        ),
    ]
    return {answer.status_code for answer in answers}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("a" * 100, "a" * 89 + "b" + "a" * 10),
        ("a" * 100, "a" * 72),
        ("sesame open", " sesame open"),
        ("sesame open", "sesame open "),
        (" sesame open ", "sesame open"),
        ("caf\u00e9 au lait", "cafe\u0301 au lait"),
        ("sesame open", "Sesame open"),
        ("пароль 🔑🔑🔑", "пароль 🔑🔑"),
        ("   " * 5, "   " * 4),
    ],
)  # fmt: skip
def test_passwords_are_taken_as_they_are(caller, db, right, wrong):
    user = User.objects.create_user("carol", right)
    assert signed_in(caller, user, right) == {200}
    assert signed_in(caller, user, wrong) == {400, 401}  # /token says 400


def test_a_password_of_1024_characters_works_and_one_more_is_refused(caller, db):
    user = User.objects.create_user("carol", "é" * 1024)
    assert signed_in(caller, user, "é" * 1024) == {200}
    assert signed_in(caller, user, "é" * 1025) == {400, 422}


class CountingHasher(TunedArgon2PasswordHasher):
    """The hasher of the settings, which also counts its work."""

    work = 0

    def encode(self, *args: Any, **kwargs: Any) -> str:
        CountingHasher.work += 1
        return super().encode(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        CountingHasher.work += 1
        return super().verify(*args, **kwargs)


def test_a_huge_password_is_refused_without_hashing_it(caller, alice, bob, settings):
    settings.PASSWORD_HASHERS = ["tests.contracts.test_login_fields.CountingHasher"]
    signed_in(caller, alice, "wrong")
    counted = CountingHasher.work
    assert counted >= len(LOGINS)
    assert signed_in(caller, alice, "x" * 1_000_000) == {413}
    assert signed_in(caller, alice, "x" * 4_096) == {400, 422}
    assert CountingHasher.work == counted


@each(LOGINS)
def test_fields_that_no_document_names_change_nothing(caller, alice, bob, endpoint):
    more = {
        "expires_in": "999999999",
        "is_admin": "true",
        "is_superuser": "1",
        "user_id": str(bob.pk),
        "scope": "admin",
        "lifetime": "9",
        "sub": str(bob.uuid),
    }

    def send(fields):
        asked, body = (caller.json, fields) if endpoint.json else (caller.form, urlencode(fields))
        return asked(endpoint.path, body, method=endpoint.method).json()

    plain, extra = send(endpoint.good), send({**endpoint.good, **more})
    for answer in (plain, extra):
        answer.get("user", {}).pop("last_login", None)
        answer.get("user", {}).pop("updated_at", None)
    assert without_tokens(extra) == without_tokens(plain)


@each([endpoint for endpoint in READING if endpoint.form])
def test_a_form_is_read_where_forms_are_documented(caller, alice, endpoint):
    """A good refresh token is sent in place of the sample."""
    access, refresh = endpoint.client.tokens(caller)
    good = {name: refresh if text == "x.y.z" else text for name, text in endpoint.good.items()}
    answer = caller.form(endpoint.path, urlencode(good), access, method=endpoint.method)
    assert answer.status_code == 200


def without_tokens(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_tokens(inner) for name, inner in value.items()}
    return (
        "a token"
        if isinstance(value, str) and value.count(".") == 2 and len(value) > 100
        else value
    )


def test_a_refresh_sets_no_lifetime(caller, alice):
    pair = caller.multipart("/c/form/api/v1/auth/login", **LOGINS[0].good).json()
    asked = {
        "token": pair["refresh_token"]["token"],
        "expires_in": 999_999_999,
        "token_type": "admin",
        "user_id": 1,
    }
    renewed = caller.json(
        "/c/form/api/v1/auth/refresh", asked, pair["access_token"]["token"]
    ).json()
    assert renewed["access_token"]["expires_in"] == 7 * 86400
    assert 0 <= pair["refresh_token"]["expires_in"] - renewed["refresh_token"]["expires_in"] <= 5


@each(LOGINS)
def test_json_that_curl_labels_as_a_form_is_read_as_json(caller, alice, endpoint, settings):
    """Its fields are checked in the same way, and it counts for the same limit."""
    settings.LOGIN_RATE_PER_NAME = "3/5m"

    def send(fields, before=""):
        return caller.form(endpoint.path, before + json.dumps(fields), method=endpoint.method)

    assert send(endpoint.good, before="  ").status_code == 200
    assert not problem(send(endpoint.client.login_fields("alice", 5)), endpoint.is_error)
    for _ in range(3):
        send(endpoint.client.login_fields("alice", "wrong"))
    assert send(endpoint.good).status_code == 429
