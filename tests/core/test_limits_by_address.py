"""Budgets of addresses, and the address that a request is counted for."""

import pytest

from accounts.models import AuditEvent
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


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
    """Behind a Unix socket there is no address, and a link-local one has a zone."""
    assert log_in("alice", "wrong", address=address).status_code == 401
    assert log_in("alice", PASSWORD, address=address).status_code == 200


def test_without_a_trusted_proxy_no_header_names_the_address(log_in, alice, settings):
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
    """Azure's gateways write the port; counted as the proxy's, it would make all clients one."""
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
def test_an_unreadable_entry_of_a_proxy_is_no_address(log_in, alice, bob, settings, caplog, header):
    """An entry counted as the proxy's own address would let ten clients lock out all others.

    It is logged once.
    """
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


def test_reset_mails_are_not_limited_by_an_unknown_address(caller, alice, settings):
    settings.FORGOT_RATE_PER_ADDRESS, settings.TRUSTED_PROXIES = "1/1h", 1
    asked = [
        caller.json("/v1/forgot-password", {"username": "alice"}).status_code for _ in range(3)
    ]
    assert asked == [200] * 3
