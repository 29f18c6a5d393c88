"""Number of SQL statements of the main requests.

BEGIN and COMMIT are counted where a test says so; savepoints are the tests' own.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.hashing import hash_shares
from accounts.models import Session, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.own_sql

BRACKETS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
FORM = "username=alice&password=correct+horse+battery"


@pytest.fixture
def statements(transactional_db, alice):
    """Return all statements of a request, BEGIN and COMMIT included.

    What is loaded once per process was loaded by an earlier request.
    """

    def of(request):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = request()
        sent = [query["sql"] for query in captured.captured_queries]
        return answer, sent, [sql for sql in sent if not sql.startswith(BRACKETS)]

    return of


def by_database(postgresql: int, sqlite: int) -> int:
    """Check the number of statements of a change and the rows that it adds.

    It is one on PostgreSQL, and several between BEGIN and COMMIT on SQLite.
    """
    return postgresql if connection.vendor == "postgresql" else sqlite


@pytest.fixture
def pair(caller, alice):
    return caller.json("/api/v1/auth/login", {"username": "alice", "password": PASSWORD}).json()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/me",
        "/c/form/api/v1/auth/me",
        "/api/auth/validate",
        "/c/envelope/api/auth/validate",
    ],
)
def test_identifying_a_caller_is_one_query(caller, statements, pair, path):
    answer, sent, _ = statements(lambda: caller.get(path, pair["access_token"]))
    assert (answer.status_code, len(sent)) == (200, 1)


def test_a_forged_token_costs_no_query(caller, statements, pair):
    answer, sent, _ = statements(
        lambda: caller.get("/api/v1/auth/me", pair["access_token"][:-6] + "AAAAAA")
    )
    assert (answer.status_code, sent) == (401, [])


@pytest.mark.parametrize("key", ["refresh_token", "refreshToken"])
def test_a_refresh_without_rotation_is_one_query_and_a_write_once_a_minute(
    caller, statements, pair, key
):
    for since_then in (1, 2):
        answer, sent, _ = statements(
            lambda: caller.json("/api/v1/auth/refresh", {key: pair["refresh_token"]})
        )
        assert (answer.status_code, len(sent)) == (200, since_then)
        Session.objects.update(last_used_at="2026-01-01T00:00:00Z")


def test_a_challenge_refresh_is_one_query_and_a_write_once_a_minute(caller, statements):
    token = caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
        "refresh_token"
    ]
    body = {"username": "alice", "refresh_token": token}
    for since_then in (1, 2):
        answer, sent, _ = statements(lambda: caller.json("/v1/token-refresh", body))
        assert (answer.status_code, len(sent)) == (200, since_then)
        Session.objects.update(last_used_at="2026-01-01T00:00:00Z")


def test_a_refresh_with_rotation_is_a_query_and_a_change(caller, statements):
    """Read the token family, replace the token, insert the successor, blacklist the spent one."""
    body = caller.form("/api/v1/auth/login", FORM).json()
    access, refresh = body["access_token"]["token"], body["refresh_token"]["token"]
    answer, sent, counted = statements(
        lambda: caller.json("/api/v1/auth/refresh", {"token": refresh}, access)
    )
    assert (answer.status_code, len(counted), len(sent)) == (
        200,
        by_database(2, 4),
        by_database(2, 6),
    )
    answer, sent, _ = statements(
        lambda: caller.json("/api/v1/auth/refresh", {"token": refresh}, access)
    )
    assert (answer.status_code, len(sent)) == (200, 1)


@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/v1/login"])
def test_a_login_is_a_query_and_a_change(caller, statements, pair, path):
    """Find the user and the network; update the last login and insert the rest in one transaction.

    The rest is the session, the audit event and the refresh token.
    """
    answer, sent, counted = statements(
        lambda: caller.json(path, {"username": "alice", "password": PASSWORD})
    )
    assert (answer.status_code, len(counted), len(sent)) == (
        200,
        by_database(2, 5),
        by_database(2, 7),
    )


def test_a_login_from_a_new_network_adds_two_rows(caller, statements, pair):
    """Two rows more: the network and its mail. Within a day neither is written again."""
    caller.http.defaults["REMOTE_ADDR"] = "192.0.2.7"
    for more in (2, 0):
        answer, sent, counted = statements(
            lambda: caller.json("/v1/login", {"username": "alice", "password": PASSWORD})
        )
        assert (answer.status_code, len(counted), len(sent)) == (
            200,
            by_database(2, 5 + more),
            by_database(2, 7 + more),
        )


@pytest.mark.parametrize("path", ["/api/v1/auth/token", "/c/form/api/v1/auth/token"])
def test_a_login_without_a_refresh_token_adds_one_row_less(caller, statements, pair, path):
    answer, sent, _ = statements(lambda: caller.form(path, FORM))
    assert (answer.status_code, len(sent)) == (200, by_database(2, 6))


def test_a_refused_login_is_two_statements(caller, statements):
    """Find the user, record the refusal; as many for a known identifier as for an unknown one."""
    hash_shares.current()  # looked up once a minute
    for username in ("alice", "nobody"):
        answer, sent, _ = statements(
            lambda username=username: caller.json(
                "/v1/login", {"username": username, "password": "wrong"}
            )
        )
        assert (answer.status_code, len(sent)) == (401, 2)


def test_a_throttled_login_is_one(caller, statements):
    """Find the user: the user name and the address share one budget."""
    for _ in range(11):
        caller.json("/v1/login", {"username": "alice", "password": "wrong"})
    answer, sent, _ = statements(
        lambda: caller.json("/v1/login", {"username": "alice", "password": PASSWORD})
    )
    assert (answer.status_code, len(sent)) == (429, 1)


@pytest.mark.parametrize("path", ["/api/v1/auth/logout", "/api/auth/logout"])
def test_a_logout_is_six_statements(caller, statements, pair, path):
    """Identify, read and end the session, find its refresh token's row, blacklist it, record."""
    answer, sent, counted = statements(lambda: caller.json(path, token=pair["access_token"]))
    assert (answer.status_code, len(counted), len(sent)) == (200, 6, 8)


def test_a_revocation_is_six_statements(caller, statements, pair):
    answer, sent, counted = statements(
        lambda: caller.json("/v1/token-revoke", {"refresh_token": pair["refresh_token"]})
    )
    assert (answer.status_code, len(counted), len(sent)) == (200, 6, 8)


def test_as_many_sessions_as_there_are_cost_no_more(caller, statements, pair):
    for _ in range(5):
        caller.json("/api/v1/auth/login", {"username": "alice", "password": PASSWORD})
    _, _, counted = statements(
        lambda: User.objects.get(username="alice").invalidate_credentials("ended_by_operator")
    )
    assert len(counted) == 7
