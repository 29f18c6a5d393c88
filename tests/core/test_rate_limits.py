"""Budgets of guesses: one for every way in, by name and by address."""

import itertools
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import jwt
import pytest

from accounts import keyring, rate_limits
from accounts.models import AuditEvent, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
JSON_DOORS = [
    "/api/v1/auth/login",
    "/v1/login",
    "/api/auth/login",
    "/c/bearer/api/v1/auth/login",
    "/c/camel/api/v1/auth/login",
    "/c/challenge/v1/login",
    "/c/envelope/api/auth/login",
]
FORM_DOORS = [
    "/api/v1/auth/login",
    "/api/v1/auth/token",
    "/v1/login",
    "/c/form/api/v1/auth/login",
    "/c/form/api/v1/auth/token",
]
DOORS = [("json", path) for path in JSON_DOORS] + [("form", path) for path in FORM_DOORS]
SPELLINGS = [
    "alice",
    "ALICE",
    " alice ",
    "Alice",
    "ａｌｉｃｅ",
    "ＡＬＩＣＥ",
    "\talice",
    "alice\u3000",
    "ⓐⓛⓘⓒⓔ",
    "𝐚𝐥𝐢𝐜𝐞",
]


@pytest.fixture
def log_in(caller) -> Callable[..., Any]:
    def send(
        username: str,
        password: str,
        door: tuple[str, str] = DOORS[0],
        address: str = "192.0.2.1",
        **headers: str,
    ) -> Any:
        kind, path = door
        fields = {"username": username, "password": password}
        how = (
            {"data": fields, "content_type": "application/json"}
            if kind == "json"
            else {"data": fields}
        )
        return caller.http.post(path, **how, headers=headers, REMOTE_ADDR=address)

    return send


def test_ten_wrong_guesses_through_all_doors_in_all_spellings_from_everywhere_close_every_door(
    log_in, alice
):
    doors = itertools.cycle(DOORS)
    for count, spelling in enumerate(SPELLINGS):
        forged = {
            "X-Forwarded-For": f"203.0.113.{count}",
            "X-Real-IP": f"203.0.113.{count}",
            "Forwarded": f"for=203.0.113.{count}",
        }
        assert log_in(spelling, "wrong", next(doors), f"192.0.2.{count}", **forged).status_code in (
            400,
            401,
        )
    for door, spelling in zip(DOORS, itertools.cycle(SPELLINGS), strict=False):
        answer = log_in(spelling, PASSWORD, door, "198.51.100.7")
        assert answer.status_code == 429
        assert 1 <= int(answer["Retry-After"]) <= 300
        assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_each_door_counts(log_in, alice, door):
    assert {log_in("alice", "wrong", door).status_code for _ in range(10)} <= {400, 401}
    assert log_in("alice", PASSWORD, door).status_code == 429


def test_an_address_is_a_name_too(log_in, alice):
    for spelling in (
        "alice@example.com",
        "ALICE@EXAMPLE.COM",
        " alice@example.com",
        "ａｌｉｃｅ@example.com",
        "Alice@Example.Com ",
    ) * 2:
        log_in(spelling, "wrong")
    assert log_in("alice@example.com", PASSWORD).status_code == 429


def test_what_is_refused_for_its_form_is_no_guess(caller, log_in, alice):
    for body in (
        b"{",
        b"[]",
        b'{"username": "alice"}',
        b'{"username": "alice", "password": 5}',
        b'{"username": "alice", "password": ""}',
    ) * 4:
        assert caller.json("/v1/login", body).status_code in (400, 422)
    assert log_in("alice", PASSWORD).status_code == 200


def test_a_name_that_nobody_has_locks_like_any_other(log_in, alice):
    answers = {
        name: [log_in(name, "wrong") for _ in range(13)]
        for name in ("alice", "nobody", "n" * 900, "🙂")
    }
    seen = {
        name: [(answer.status_code, answer.content) for answer in given]
        for name, given in answers.items()
    }
    assert [status for status, _ in seen["alice"]] == [401] * 10 + [429] * 3
    assert all(given == seen["alice"] for given in seen.values())


def test_another_account_from_the_same_address_still_gets_in(log_in, alice, bob):
    for _ in range(15):
        log_in("alice", "wrong")
    assert log_in("alice", PASSWORD).status_code == 429
    assert log_in("bob", PASSWORD).status_code == 200


def test_a_right_guess_is_given_back_and_the_wrong_ones_before_it_are_not(log_in, alice):
    assert {log_in("alice", PASSWORD).status_code for _ in range(25)} == {200}
    assert {log_in("alice", "wrong").status_code for _ in range(9)} == {401}
    assert log_in("alice", PASSWORD).status_code == 200
    assert log_in("alice", "wrong").status_code == 401
    assert log_in("alice", PASSWORD).status_code == 429


def test_what_comes_while_ten_others_are_checked_is_told_to_come_back_and_locks_nobody(
    log_in, alice
):
    """Ten right passwords of Alice are being checked; the eleventh waits for half a second in vain, and then gets in."""
    with ExitStack() as under_way:
        for _ in range(10):
            under_way.enter_context(rate_limits.login_attempt("alice"))
        for door in DOORS[-3:]:
            answer = log_in("alice", PASSWORD, door)
            assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (
                429,
                "1",
                "application/json",
            )
    assert log_in("alice", PASSWORD).status_code == 200
    assert {log_in("alice", "wrong").status_code for _ in range(10)} == {401}
    assert not AuditEvent.objects.filter(kind="throttled").exists()


def test_a_password_that_must_be_changed_was_a_right_guess(log_in, alice):
    User.objects.update(must_change_password=True)
    assert {log_in("alice", PASSWORD).status_code for _ in range(12)} == {403}


def test_guesses_while_locked_are_refused_the_same_and_recorded_once(log_in, alice):
    refused = [log_in("alice", "wrong") for _ in range(30)][10:] + [
        log_in("alice", PASSWORD) for _ in range(5)
    ]
    assert {(answer.status_code, answer.content) for answer in refused} == {
        (429, refused[0].content)
    }
    assert AuditEvent.objects.filter(kind="throttled").count() == 1
    assert AuditEvent.objects.filter(kind="login_failed").count() == 10


def test_one_address_that_guesses_at_many_names_is_closed(log_in, alice, bob, settings):
    settings.LOGIN_RATE_PER_ADDRESS = "5/5m"
    assert {log_in(f"nobody{count}", "wrong").status_code for count in range(5)} == {401}
    assert log_in("alice", PASSWORD).status_code == 429
    assert log_in("alice", PASSWORD, address="192.0.2.2").status_code == 200


def test_tries_that_the_address_forbids_do_not_lock_the_name(log_in, alice, settings):
    settings.LOGIN_RATE_PER_ADDRESS = "1/5m"
    for _ in range(20):
        log_in("alice", "wrong")
    assert log_in("alice", PASSWORD, address="192.0.2.2").status_code == 200


def test_one_subscriber_has_all_addresses_of_a_64(log_in, alice, settings):
    settings.LOGIN_RATE_PER_ADDRESS = "5/5m"
    for count in range(1_000):
        answer = log_in(f"nobody{count}", "wrong", address=f"2001:db8:0:7:{count:x}::{count:x}")
        assert answer.status_code == (401 if count < 5 else 429)
    assert log_in("alice", PASSWORD, address="2001:db8:0:8::1").status_code == 200


def test_an_ipv4_address_written_as_ipv6_is_the_same(log_in, alice, settings):
    settings.LOGIN_RATE_PER_ADDRESS = "2/5m"
    for address in ("192.0.2.1", "::ffff:192.0.2.1"):
        log_in("nobody", "wrong", address=address)
    assert log_in("alice", PASSWORD, address="::ffff:c000:201").status_code == 429
    assert log_in("alice", PASSWORD, address="::ffff:192.0.2.2").status_code == 200


@pytest.mark.parametrize("address", ["", "::1", "fe80::1%eth0"])
def test_a_login_from_an_address_of_any_kind(log_in, alice, address):
    """Behind a Unix socket there is none, and a link-local one has a zone."""
    assert log_in("alice", "wrong", address=address).status_code == 401
    assert log_in("alice", PASSWORD, address=address).status_code == 200


def test_without_a_proxy_of_our_own_no_header_says_where_somebody_is(log_in, alice, settings):
    settings.LOGIN_RATE_PER_ADDRESS = "5/5m"
    for count in range(5):
        log_in(
            f"nobody{count}",
            "wrong",
            **{"X-Forwarded-For": f"203.0.113.{count}", "X-Real-IP": f"203.0.113.{count}"},
        )
    assert log_in("alice", PASSWORD, **{"X-Forwarded-For": "203.0.113.99"}).status_code == 429
    assert set(AuditEvent.objects.values_list("address", flat=True)) == {"192.0.2.1"}


@pytest.mark.parametrize(
    ("proxies", "suffix"), [(1, ""), (2, ", 10.0.0.1"), (3, ",10.0.0.1 ,  10.0.0.2")]
)
def test_the_entry_that_our_own_proxies_wrote_counts(log_in, alice, settings, proxies, suffix):
    settings.TRUSTED_PROXIES, settings.LOGIN_RATE_PER_ADDRESS = proxies, "5/5m"
    for count in range(5):
        log_in(
            f"nobody{count}",
            "wrong",
            **{"X-Forwarded-For": f"203.0.113.{count}, 127.0.0.1, 198.51.100.7{suffix}"},
        )
    assert (
        log_in("alice", PASSWORD, **{"X-Forwarded-For": f"198.51.100.7{suffix}"}).status_code == 429
    )
    assert (
        log_in(
            "alice", PASSWORD, **{"X-Forwarded-For": f"198.51.100.7, 198.51.100.8{suffix}"}
        ).status_code
        == 200
    )
    assert set(AuditEvent.objects.values_list("address", flat=True)) == {
        "198.51.100.7",
        "198.51.100.8",
    }


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("198.51.100.7:1234", "198.51.100.7"),
        ("198.51.100.7:", "198.51.100.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::1", "::1"),
    ],
)
def test_an_entry_with_a_port_is_the_address_before_it(log_in, alice, settings, entry, address):
    """As Azure's gateways write it; read as the proxy's own address it made all clients one."""
    settings.TRUSTED_PROXIES = 1
    assert (
        log_in("alice", PASSWORD, **{"X-Forwarded-For": f"203.0.113.9, {entry}"}).status_code == 200
    )
    assert AuditEvent.objects.get().address == address


UNREADABLE = [
    None,
    "",
    " ",
    "unknown",
    ",",
    "a" * 5_000,
    "\x00",
    "'",
    "[]:80",
    ":80",
    "1.2.3.4:http",
    "[::1",
    "[::1]:80:80",
]


@pytest.mark.parametrize("header", UNREADABLE)
def test_what_a_proxy_writes_unreadably_is_nobodys_address(
    log_in, alice, bob, settings, caplog, header
):
    """Counted as the proxy's own, ten clients of one bad proxy would lock out all others. It is logged, and once."""
    settings.TRUSTED_PROXIES, settings.LOGIN_RATE_PER_ADDRESS = 1, "5/5m"
    headers = {} if header is None else {"X-Forwarded-For": header}
    for count in range(6):
        assert log_in(f"nobody{count}", "wrong", **headers).status_code == 401
    assert log_in("alice", PASSWORD, **headers).status_code == 200
    assert set(AuditEvent.objects.values_list("address", flat=True)) == {None}
    assert sum("X-Forwarded-For" in record.getMessage() for record in caplog.records) == 1
    assert all(len(record.getMessage()) < 300 for record in caplog.records)


def test_a_health_check_from_inside_is_not_warned_of(caller, settings, caplog):
    settings.TRUSTED_PROXIES = 1
    assert {caller.get(path).status_code for path in ("/healthz", "/readyz")} == {200}
    assert not caplog.records


def test_where_no_address_is_known_reset_mails_are_not_limited_by_it(caller, alice, settings):
    settings.FORGOT_RATE_PER_ADDRESS, settings.TRUSTED_PROXIES = "1/1h", 1
    asked = [
        caller.json("/v1/forgot-password", {"username": "alice"}).status_code for _ in range(3)
    ]
    assert asked == [200] * 3


@pytest.mark.parametrize("path", ["/v1/token-refresh", "/c/challenge/v1/token-refresh"])
def test_the_91st_refresh_of_one_token_is_refused(caller, alice, path):
    first, second = (
        caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
            "refresh_token"
        ]
        for _ in range(2)
    )
    statuses = [
        caller.json(path, {"username": "alice", "refresh_token": first}).status_code
        for _ in range(90)
    ]
    answer = caller.json(path, {"username": "alice", "refresh_token": first})
    assert (set(statuses), answer.status_code) == ({200}, 429)
    assert answer.json() == {"message": answer.json()["message"], "status": 429}
    assert 1 <= int(answer["Retry-After"]) <= 86_400
    assert (
        caller.json(
            "/v1/token-refresh", {"username": "alice", "refresh_token": f" {first}\n"}
        ).status_code
        == 429
    )
    assert (
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": second}).status_code
        == 200
    )
    assert caller.json("/v1/token-revoke", {"refresh_token": first}).status_code == 200


def second_signature(token: str) -> str:
    """The other ECDSA signature of the same message: the order of P-256 less ``s`` verifies like ``s``."""
    message, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return f"{message}.{urlsafe_b64encode(other).decode().rstrip('=')}"


def in_ecdsa(token: str) -> str:
    """As refresh tokens were signed before they had secrets of their own: such ones are good until they expire."""
    return keyring.current().sign(jwt.decode(token, options={"verify_signature": False}))


@pytest.mark.parametrize(
    "spell",
    [
        lambda token: (token, f"{token}="),
        lambda token: (in_ecdsa(token), f"{in_ecdsa(token)}=="),
        lambda token: (in_ecdsa(token), second_signature(in_ecdsa(token))),
    ],
)
def test_a_refresh_token_spelled_in_another_way_is_the_same_token(caller, alice, settings, spell):
    settings.CHALLENGE_REFRESH_RATE = "2/24h"
    given = caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
        "refresh_token"
    ]
    asked = [
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": token})
        for token in spell(given) * 2
    ]
    assert [answer.status_code for answer in asked] == [200, 200, 429, 429]


def test_a_token_that_opens_nothing_is_refused_and_not_counted(caller, alice, settings):
    settings.CHALLENGE_REFRESH_RATE = "1/24h"
    asked = [
        caller.json("/v1/token-refresh", {"username": "alice", "refresh_token": "abc"}).status_code
        for _ in range(3)
    ]
    assert asked == [401] * 3


@pytest.mark.parametrize(
    "path", ["/v1/login", "/v1/token-refresh", "/v1/forgot-password", "/forgot", "/change-password"]
)
def test_no_answer_says_to_try_again_in_no_time(caller, alice, settings, path):
    """In a window of a second no whole second is left; a client that reads 0 comes back at once, and again."""
    settings.LOGIN_RATE_PER_NAME = settings.FORGOT_RATE_PER_ADDRESS = (
        settings.CHALLENGE_REFRESH_RATE
    ) = "1/1s"
    refresh = caller.json("/v1/login", {"username": "alice", "password": PASSWORD}).json()[
        "refresh_token"
    ]
    fields = {"username": "alice", "password": "wrong", "refresh_token": refresh}
    page = {
        "identifier": "alice",
        "current": "wrong",
        "password": "eine Zeile, die keiner kennt",
        "again": "eine Zeile, die keiner kennt",
    }
    send = (
        partial(caller.json, path, fields)
        if path.startswith("/v1/")
        else partial(caller.http.post, path, page)
    )
    refused = next(answer for _ in range(200) if (answer := send()).status_code == 429)
    assert refused["Retry-After"] == "1"
