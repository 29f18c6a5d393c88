"""Fixtures that several modules of tests of the core use."""

import hashlib
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import argon2
import bcrypt
import jwt
import pytest

from accounts import password_reset, passwords, request_context
from accounts.audit import audit_log, seals
from accounts.errors import InvalidCredentials
from accounts.models import AuditEvent
from accounts.request_context import RequestContext
from tests.core.logins import LOGINS
from tests.core.networks import status
from tests.core.token_forgery import BODY, FORM_REFRESHES, IDENTITIES, LOGOUTS


@pytest.fixture
def tokens(caller, alice) -> dict[str, str]:
    """Return access and refresh tokens by contract, of one session each, and an id token."""
    bearer = caller.json("/c/bearer/api/v1/auth/login", BODY).json()
    form = caller.multipart("/c/form/api/v1/auth/login", **BODY).json()
    caller.http.cookies.clear()
    challenge = caller.json("/v1/login", BODY).json()
    return {
        "access": bearer["access_token"],
        "bearer": bearer["refresh_token"],
        "form access": form["access_token"]["token"],
        "form": form["refresh_token"]["token"],
        "challenge": challenge["refresh_token"],
        "challenge access": challenge["access_token"],
        "id": challenge["id_token"],
        "envelope": caller.json("/api/auth/login", BODY).json()["token"],
    }


@pytest.fixture
def claims(tokens) -> dict[str, Any]:
    return jwt.decode(tokens["access"], options={"verify_signature": False})


@pytest.fixture
def protected(caller, tokens):
    """Return a function that asks every protected endpoint with an Authorization header.

    It returns the set of their statuses.
    """

    def ask(authorization: str) -> set[int]:
        headers = {"Authorization": authorization}
        got = [caller.http.get(path, headers=headers) for path in IDENTITIES]
        posted = [caller.http.post(path, headers=headers) for path in LOGOUTS]
        refreshed = [
            caller.json(path, {"token": tokens["form"]}, **headers) for path in FORM_REFRESHES
        ]
        assert all(
            answer["WWW-Authenticate"] == "Bearer"
            for answer in [*got, *posted, *refreshed]
            if answer.status_code == 401
        )
        return {answer.status_code for answer in [*got, *posted, *refreshed]}

    return ask


@pytest.fixture
def refused(protected, caller, tokens):
    """Return a function that tells whether a token is 401 at every protected endpoint.

    It must end no session at the open ones, either.
    """

    def ask(token: str) -> bool:
        caller.http.post("/api/auth/logout", headers={"Authorization": f"Bearer {token}"})
        return (
            protected(f"Bearer {token}") == {401}
            and caller.get("/api/v1/auth/me", tokens["access"]).status_code == 200
        )

    return ask


@pytest.fixture
def reset_secrets(alice):
    return password_reset.make(alice)


@pytest.fixture
def hashed(monkeypatch):
    """Return a list of the algorithms that libraries were asked to compute a hash by."""
    work = []

    def record_calls(owner, name, algorithm):
        library = getattr(owner, name)

        def compute(*args, **options):
            try:
                return library(*args, **options)
            finally:
                if not isinstance(
                    sys.exception(), ValueError | OverflowError
                ):  # a cost that it does not even begin with
                    work.append(algorithm)

        monkeypatch.setattr(owner, name, compute)

    record_calls(hashlib, "pbkdf2_hmac", "pbkdf2")
    record_calls(hashlib, "scrypt", "scrypt")
    record_calls(bcrypt, "hashpw", "bcrypt")
    record_calls(argon2.PasswordHasher, "verify", "argon2")
    record_calls(argon2.low_level, "hash_secret", "argon2")
    return work


@pytest.fixture
def cost(hashed):
    """Return a function that lists the hashes which one wrong password costs."""

    def of(identifier, password="not the password of anybody"):
        hashed.clear()
        with pytest.raises(InvalidCredentials):
            passwords.authenticate(identifier, password)
        return hashed.copy()

    return of


@pytest.fixture
def at_home(caller, alice):
    """Sign Alice in from home."""
    assert status(caller) == 200


@pytest.fixture
def log_in(caller) -> Callable[..., Any]:
    def send(
        username: str,
        password: str,
        login: tuple[str, str] = LOGINS[0],
        address: str = "192.0.2.1",
        **headers: str,
    ) -> Any:
        kind, path = login
        fields = {"username": username, "password": password}
        how = (
            {"data": fields, "content_type": "application/json"}
            if kind == "json"
            else {"data": fields}
        )
        return caller.http.post(path, **how, headers=headers, REMOTE_ADDR=address)

    return send


@pytest.fixture
def nobody_answers(settings):
    """No mail server where one should be."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    settings.EMAIL_USE_TLS = False


@pytest.fixture
def sealed_log(alice, olga):
    """Four events, the last two under a seal of their own."""
    with request_context.use(
        RequestContext(address="192.0.2.7", request_id="r1", contract="bearer")
    ):
        audit_log.record(audit_log.Kind.LOGIN, user=alice)
        audit_log.record(audit_log.Kind.LOGIN_FAILED, name=" ALICE ", reason="wrong_password")
        seals.seal()
        audit_log.record(
            audit_log.Kind.DEACTIVATED,
            user=alice,
            actor=olga,
            note="she left",
            data={"of": [1, "ä"]},
        )
        audit_log.record(
            audit_log.Kind.LOGIN_FAILED,
            name="alcie",
            session=UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        )
        seals.seal()
    return list(AuditEvent.objects.order_by("pk"))
