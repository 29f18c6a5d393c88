"""Storage of API keys as digests, and the number of queries that they cost."""

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import sessions
from apikeys import key_format, keys, usage
from apikeys.models import APIKey
from tests.apikeys.key_helpers import (
    DAY,
    POLICY,
    key_of,
    stored,
    use,
)
from tests.conftest import PASSWORD
from tests.core.test_secrets_at_rest import dump


@pytest.mark.own_sql
@stored
def test_only_a_digest_is_kept(secret, caplog):
    caplog.set_level(logging.DEBUG)
    use(secret)
    usage.write()
    keys.rotate(use(secret), key_of(secret).public_id, DAY)
    keys.revoke_leaked(secret)
    logging.getLogger("apikeys").warning("the log is read")
    for read in (dump(), caplog.text):
        assert secret not in read
        assert secret[17:] not in read
        assert secret[17:49] not in read
    assert key_of(secret).digest in dump()
    assert key_of(secret).digest not in caplog.text
    assert "the log is read" in caplog.text


@stored
def test_a_key_shows_no_secret_of_its_own(secret):
    found = key_of(secret)
    for shown in (repr(found), str(found), f"{use(secret)!r}"):
        assert secret[17:] not in shown
        assert found.digest not in shown
        assert found.last_four not in shown.replace(found.public_id, "")


@pytest.fixture
def statements(transactional_db):
    """Return a function that counts the statements of a request, without BEGIN and COMMIT."""

    def of(request):
        with CaptureQueriesContext(connection) as captured:
            answer = request()
        sent = [query["sql"] for query in captured.captured_queries]
        return answer.status_code, len(
            [sql for sql in sent if not sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
        )

    return of


@pytest.fixture
def token(caller, alice):
    return sessions.open_session(POLICY, "alice", PASSWORD).access


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/me",
        "/c/form/api/v1/auth/me",
        "/api/auth/validate",
        "/c/envelope/api/auth/validate",
    ],
)
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_good_key_is_one_query_also_at_its_first_use(caller, statements, secret, path, header):
    headers = {header: f"Bearer {secret}" if header == "Authorization" else secret}
    for _ in range(3):
        assert statements(lambda: caller.get(path, **headers)) == (200, 1)
    usage.write()
    assert statements(lambda: caller.get(path, **headers)) == (200, 1)


def test_a_key_that_is_none_is_one_query_and_a_mistyped_one_is_none(caller, statements, secret):
    mistyped = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    assert statements(lambda: caller.get("/api/v1/auth/me", mistyped)) == (401, 0)
    assert statements(lambda: caller.get("/api/auth/validate", **{"X-API-Key": secret[:-1]})) == (
        401,
        0,
    )
    assert statements(lambda: caller.get("/api/v1/auth/me", key_format.new()[1])) == (401, 1)
    assert statements(
        lambda: caller.json("/api/v1/auth/keys/revoke-leaked", {"apiKey": mistyped})
    ) == (404, 0)


def test_statements_of_managing_keys(caller, statements, token):
    """Identify the caller; then lock the owner, count, insert, record and mail, or read, or end."""
    made = caller.json("/api/v1/auth/keys", {}, token).json()
    rotate, delete = (
        f"/api/v1/auth/keys/{made['keyId']}/rotate",
        f"/api/v1/auth/keys/{made['keyId']}",
    )
    assert statements(lambda: caller.json("/api/v1/auth/keys", {}, token)) == (201, 6)
    assert statements(lambda: caller.get("/api/v1/auth/keys", token)) == (200, 2)
    assert statements(lambda: caller.json(rotate, {}, token)) == (201, 8)
    assert statements(
        lambda: caller.http.delete(delete, headers={"Authorization": f"Bearer {token}"})
    ) == (204, 4)
    leaked = caller.json("/api/v1/auth/keys", {}, token).json()["apiKey"]
    assert statements(
        lambda: caller.json("/api/v1/auth/keys/revoke-leaked", {"apiKey": leaked})
    ) == (204, 4)
    assert (
        statements(lambda: caller.json("/api/v1/auth/keys/revoke-leaked", {"apiKey": leaked}))[0]
        == 204
    )


def test_fifty_keys_cost_no_more_to_list_than_one(caller, statements, token, alice):
    for _ in range(50):
        APIKey.objects.issue(alice.pk)
    assert statements(lambda: caller.get("/api/v1/auth/keys", token)) == (200, 2)
