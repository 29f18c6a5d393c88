"""Two worker processes, many clients, and processes that die."""

import http.client
import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest
import redis

from tests.faults.http_client import PASSWORD, Answer, send
from tests.faults.processes import in_parallel
from tests.faults.servers import NEW, RESET, RESET_NEVER, RESET_WHOLE, WORKERS, Server

pytestmark = pytest.mark.races

REFRESH, ROTATE, LOGOUT = (
    "/c/bearer/api/v1/auth/refresh",
    "/c/form/api/v1/auth/refresh",
    "/c/camel/api/v1/auth/logout",
)
# Paths of login and refresh, and names of the two tokens: bearer, camel, challenge.
STEADY = (
    ("/c/bearer/api/v1/auth/login", REFRESH, "access_token", "refresh_token"),
    ("/c/camel/api/v1/auth/login", "/c/camel/api/v1/auth/refresh", "token", "refreshToken"),
    ("/c/challenge/v1/login", "/c/challenge/v1/token-refresh", "access_token", "refresh_token"),
)


def live_lines(server: Server, user: str) -> int:
    """Return the number of a user's refresh tokens that are live, in a live session."""
    ((count,),) = server.query(
        "SELECT count(*) FROM token_blacklist_outstandingtoken o "  # noqa: S608 (a name of our own)
        "JOIN accounts_user u ON u.id = o.user_id "
        "JOIN accounts_session s ON s.user_id = u.id AND s.revoked_at IS NULL "
        "AND s.refresh_jti IN (o.jti, '') "
        "LEFT JOIN token_blacklist_blacklistedtoken b ON b.token_id = o.id "
        f"WHERE u.username = '{user}' AND b.id IS NULL"
    )
    return count


def unspent(server: Server, user: str) -> int:
    """Return the number of a user's refresh tokens that are not blacklisted, in any session."""
    ((count,),) = server.query(
        "SELECT count(*) FROM token_blacklist_outstandingtoken o "  # noqa: S608 (a name of our own)
        "JOIN accounts_user u ON u.id = o.user_id "
        "LEFT JOIN token_blacklist_blacklistedtoken b ON b.token_id = o.id "
        f"WHERE u.username = '{user}' AND b.id IS NULL"
    )
    return count


def test_a_logout_through_one_worker_is_known_to_the_other_at_once(server, user):
    one, other = server.workers()
    with server.connection_to(one) as first, server.connection_to(other) as second:
        for _ in range(10):
            token = server.call(
                "/api/auth/login", {"username": user, "password": PASSWORD}, over=first
            ).json()["token"]
            assert server.me(token, over=first) == server.me(token, over=second) == 200
            assert server.call(LOGOUT, {}, token, over=second).status == 200
            assert server.me(token, over=first) == 401
            assert server.me(token, over=second) == 401
        assert (server.holder(first), server.holder(second)) == (one, other)


def test_twenty_rotations_at_once_have_one_successor(server, user):
    for _ in range(3):
        pair = server.log_in_by_form(user)
        answers = in_parallel([partial(server.rotate, pair)] * 20)
        assert {answer.status for answer in answers} == {200}
        (successor,) = {answer.json()["refresh_token"]["token"] for answer in answers}
        assert {server.me(answer.json()["access_token"]["token"]) for answer in answers} == {200}
        assert (live_lines(server, user), unspent(server, user)) == (1, 1)
        assert server.rotate({**pair, "refresh": successor}).status == 200
        assert (live_lines(server, user), unspent(server, user)) == (1, 1)
        assert server.call(LOGOUT, {}, pair["access"]).status == 200
        assert (live_lines(server, user), unspent(server, user)) == (0, 0)


def test_twenty_refreshes_of_a_token_that_stays_are_twenty_answers(server, user):
    for logins, (login, refresh, access, token) in enumerate(STEADY, 1):
        pair = server.call(login, {"username": user, "password": PASSWORD}).json()
        answers = in_parallel(
            [partial(server.call, refresh, {"username": user, token: pair[token]})] * 20
        )
        assert {answer.status for answer in answers} == {200}
        tokens = {answer.json()[access] for answer in answers}
        assert (len(tokens), {server.me(token) for token in tokens}) == (20, {200})
        assert (live_lines(server, user), unspent(server, user)) == (logins, logins)


def test_a_logout_among_refreshes_leaves_no_token_behind(server, user):
    """Tokens from before or after it open nothing."""
    for _ in range(5):
        plain, form = server.log_in(user), server.log_in_by_form(user)
        refreshes = [
            partial(server.call, REFRESH, {"refresh_token": plain["refresh"]}),
            partial(server.rotate, form),
        ]
        logouts = [partial(server.call, LOGOUT, {}, pair["access"]) for pair in (plain, form)]
        answers = in_parallel([*refreshes * 5, *logouts, *refreshes * 5])
        assert {answer.status for answer in answers} <= {200, 401}
        access, refresh = {plain["access"], form["access"]}, {form["refresh"]}
        for body in [answer.json() for answer in answers if answer.status == 200]:
            match body:
                case {"access_token": str(token)}:
                    access.add(token)
                case {"access_token": {"token": token}, "refresh_token": {"token": successor}}:
                    access.add(token)
                    refresh.add(successor)
        assert {server.me(token) for token in access} == {401}
        assert {server.rotate({**form, "refresh": token}).status for token in refresh} == {401}
        assert server.call(REFRESH, {"refresh_token": plain["refresh"]}).status == 401
        assert (live_lines(server, user), unspent(server, user)) == (0, 0)


def test_a_worker_that_is_killed_during_a_rotation_leaves_the_old_token_or_its_successor(
    server, user
):
    """A client without a response repeats the request, and goes on."""
    pair, moments, unanswered = server.log_in_by_form(user), random.Random(94), 0
    for _ in range(30):
        connection = server.connect()
        assert server.call("/healthz", over=connection).status == 200
        worker = server.holder(connection)
        send(connection, ROTATE, {"token": pair["refresh"]}, pair["access"])
        time.sleep(moments.uniform(0, 0.012))
        os.kill(worker, signal.SIGKILL)
        lost = lost_or_answered(server, connection)
        unanswered += lost is None
        retried = server.patiently(ROTATE, {"token": pair["refresh"]}, pair["access"])
        assert retried.status == 200
        successor = retried.json()["refresh_token"]["token"]
        assert lost is None or lost.json()["refresh_token"]["token"] == successor
        pair = {"access": retried.json()["access_token"]["token"], "refresh": successor}
        server.wait()
    assert unanswered >= 3
    assert server.me(pair["access"]) == 200
    assert (live_lines(server, user), unspent(server, user)) == (1, 1)


def test_a_worker_that_is_killed_during_a_reset_leaves_all_of_it_or_nothing(server):
    """Either the new password is set, mailed and recorded; or the old one, its session and the
    link still work.
    """
    moments, unanswered = random.Random(94), 0
    for name, token in server.people_with_links(10).items():
        pair, connection = server.log_in(name), server.connect()
        assert server.call("/healthz", over=connection).status == 200
        worker = server.holder(connection)
        send(connection, RESET, {"token": token, "new_password": NEW})
        time.sleep(moments.uniform(0, 0.02))
        os.kill(worker, signal.SIGKILL)
        lost = lost_or_answered(server, connection)
        unanswered += lost is None
        server.wait()
        came_of_it = partial(server.came_of_the_reset, name, token, pair["access"])
        if (found := came_of_it()) == RESET_NEVER:
            assert lost is None
            assert server.call(RESET, {"token": token, "new_password": NEW}).status == 200
            found = came_of_it()
        assert found == RESET_WHOLE
    assert unanswered >= 3


def test_a_restart_forgets_no_rotation(server, user):
    """The time of the rotation outlives the restart, too: it was more than ten seconds ago."""
    pair = server.log_in_by_form(user)
    successor = server.rotate(pair).json()
    server.query(
        "UPDATE accounts_session SET rotated_at = '2001-01-01' "
        "WHERE rotated_at IS NOT NULL RETURNING id"
    )
    server.stop()
    server.start()
    assert server.me(successor["access_token"]["token"]) == 200
    assert server.rotate(pair).status == 401
    assert server.me(successor["access_token"]["token"]) == 401
    assert server.rotate({**pair, "refresh": successor["refresh_token"]["token"]}).status == 401


def lost_or_answered(server: Server, connection: http.client.HTTPConnection) -> Answer | None:
    try:
        return server.receive(connection)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


FOUR = {"LOGIN_RATE_PER_NAME": "10/5m", "WEB_CONCURRENCY": "4", "THREADS": "16"}
SLOWLY = {
    "ARGON2_MEMORY_KIB": "19456",
    "ARGON2_TIME_COST": "4",
}  # so that all are under way at the same time


def test_forty_right_passwords_at_once_lock_nobody_out(address, user, redis_url):
    """Four processes: of more than ten logins, some wait, or get a Retry-After of a second."""
    with Server(address, REDIS_URL=redis_url, **FOUR, **SLOWLY) as limited:
        limited.start()
        log_in = partial(limited.call, "/v1/login", {"username": user, "password": PASSWORD})
        assert log_in().status == 200  # and the password is hashed as slowly from now on
        answers = in_parallel([log_in] * 40)
        assert {answer.status for answer in answers} <= {200, 429}
        assert {answer.headers["Retry-After"] for answer in answers if answer.status == 429} <= {
            "1"
        }
        assert sum(answer.status == 200 for answer in answers) >= 10
        assert [log_in().status for _ in range(11)] == [200] * 11


@pytest.fixture(scope="module")
def four(address) -> Iterator[Server]:
    """Start four processes, which allow a name ten wrong passwords and share a Redis."""
    with Server(address, **FOUR) as limited:
        limited.start()
        yield limited


def test_fifty_wrong_passwords_at_once_share_the_budget_of_ten(four):
    """Four processes count in one Redis, however requests are distributed."""
    nobody = {"username": os.urandom(6).hex(), "password": "wrong"}
    answers = in_parallel([lambda: four.call("/v1/login", nobody)] * 50)
    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 40


def test_wrong_passwords_among_right_ones_are_still_ten_at_most(four, user):
    four.log_in(user)
    guess, log_in = (
        partial(four.call, "/v1/login", {"username": user, "password": word})
        for word in ("wrong", PASSWORD)
    )
    answers = in_parallel([guess, log_in] * 30)
    wrong, right = answers[::2], answers[1::2]
    assert {answer.status for answer in wrong} == {401, 429}
    assert sum(answer.status == 401 for answer in wrong) <= 10
    assert {answer.status for answer in right} <= {200, 429}


def test_without_redis_each_worker_counts_for_itself_and_right_passwords_get_in(
    address, user, redis_url
):
    """Redis stops between two attempts: each worker then counts anew, and there is no error."""
    with Server(address, REDIS_URL=redis_url, LOGIN_RATE_PER_NAME="10/5m") as limited:
        limited.start()
        guess = partial(limited.call, "/v1/login", {"username": "nobody", "password": "wrong"})
        assert [guess().status for _ in range(4)] == [401] * 4
        with redis.Redis.from_url(redis_url) as client:
            client.shutdown(nosave=True)
        answers = in_parallel([guess] * 50)
        assert {answer.status for answer in answers} == {401, 429}
        assert sum(answer.status == 401 for answer in answers) <= 10 * WORKERS
        assert all(
            answer.headers["Retry-After"].isdigit() for answer in answers if answer.status == 429
        )
        token = limited.log_in(user)["access"]
        assert limited.me(token) == 200
        asked = [("/auth/forward", token), ("/auth/forward", ""), ("/auth/forward?role=x", token)]
        assert [limited.call(url, token=sent).status for url, sent in asked] == [200, 401, 403]
        assert limited.call("/readyz").json() == {
            "status": "degraded",
            "database": "ok",
            "cache": "unreachable",
        }


def test_the_log_of_all_this_holds_no_secret(server, user):
    """The same holds for requests that gunicorn refuses, or that carry secrets in other places."""
    pair = server.log_in(user)
    server.call(
        f"/api/v1/auth/nothing/{pair['access']}?token={pair['refresh']}",
        {"password": PASSWORD},
        pair["access"],
    )
    server.call("/v1/login", {"username": user, "password": f"{PASSWORD}x"})
    server.call(f"/{pair['access']}")
    server.call(f"/auth/forward?role={pair['access']}", token=pair["refresh"])
    server.call("/admin/login/", f"username={user}&password={PASSWORD.replace(' ', '+')}")
    for refused in (
        "Authorization : Bearer",
        "Authorization\x00: Bearer",
        "Content-Length: x\r\nX: Bearer",
        "X-A\n: Bearer",
    ):
        assert server.raw(
            "GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\n"
            f"{refused} {pair['access']}\r\n\r\n".encode()
        )
    written = server.log.read_text()
    assert "Booting worker" in written
    assert len(server.secrets) > 5
    assert [secret for secret in server.secrets if secret in written] == []
