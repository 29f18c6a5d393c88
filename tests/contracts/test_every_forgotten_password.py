"""Forgotten passwords, in every contract that mails a reset."""

from typing import Any

import pytest

from accounts.mail import delivery
from accounts.models import OutgoingMail, User
from tests.conftest import Caller
from tests.contracts.answers import plainly
from tests.contracts.client import ContractClient
from tests.contracts.clients import CLIENTS
from tests.contracts.endpoints import errors_of, misshapen

pytestmark = pytest.mark.django_db


FORGOTS = [client for client in CLIENTS if client.forgot]
every_forgot = pytest.mark.parametrize("client", FORGOTS, ids=str)


def ask(client: ContractClient, caller: Caller, address: str, **more: Any) -> Any:
    """Ask for the mail with a reset."""
    assert client.forgot
    end, field = client.forgot
    if field:
        return caller.json(client.path(end), {field: address, **more})
    return caller.http.post(client.path(f"{end}/{address}"))


@every_forgot
def test_known_unknown_and_inactive_look_the_same(
    caller, alice, bob, client, django_assert_num_queries
):
    """The same bytes, and the same one statement, which looks nobody up."""
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = []
    for address in ("alice@example.com", "nobody@example.com", "bob@example.com", "not an address"):
        with django_assert_num_queries(1) as captured:
            answers.append(ask(client, caller, address))
        assert captured.captured_queries[0]["sql"].startswith(
            f'INSERT INTO "{OutgoingMail._meta.db_table}"'
        )
    assert answers[0].status_code == 200
    assert len({str(plainly(answer)) for answer in answers}) == 1
    assert OutgoingMail.objects.waiting().count() == 4


@every_forgot
@pytest.mark.parametrize("address", ["alice@example.com", "nobody@example.com"])
def test_without_outgoing_mail_no_response_says_that_one_was_sent(
    caller, alice, settings, client, address
):
    settings.EMAILS_ENABLED = False
    answer = ask(client, caller, address)
    body = client.error(503, "Email sending is not enabled")
    assert (answer.status_code, answer.json()) == (503, body)
    assert not OutgoingMail.objects.exists()


@every_forgot
def test_a_client_that_asks_for_too_many_is_told_to_wait(caller, alice, settings, client):
    settings.FORGOT_RATE_PER_ADDRESS = "3/1h"
    answers = [
        ask(client, caller, f"{name}@example.com")
        for name in ("alice", "nobody", "alice", "alice", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].content == answers[4].content
    assert 1 <= int(answers[3]["Retry-After"]) <= 3600
    assert not misshapen(answers[3], errors_of(client, client.forgot.end))


@every_forgot
def test_the_mail_knows_which_contract_was_asked(caller, alice, client):
    ask(client, caller, "alice@example.com")
    assert OutgoingMail.objects.get().contract == client.name


@every_forgot
def test_a_forged_host_never_reaches_the_mail(caller, alice, mailoutbox, client):
    evil = {
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
        "X-Original-Host": "evil.example",
    }
    for headers in (evil, {**evil, "Host": "evil.example"}):
        caller.http.defaults = {
            f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()
        }
        answer = ask(client, caller, "alice@example.com")
        assert answer.headers["Content-Type"] == "application/json"
    delivery.deliver_due()
    assert mailoutbox
    for message in mailoutbox:
        assert "http://testserver/reset/" in message.body
        assert "evil" not in message.message().as_string()


@pytest.mark.parametrize(
    "client", [each for each in FORGOTS if each.forgot and each.forgot.field], ids=str
)
def test_extra_fields_in_a_request_for_a_reset_are_ignored(caller, alice, mailoutbox, client):
    more = {
        "expires_in": 10**9,
        "user_id": 1,
        "to": "eve@example.com",
        "language": "fr",
        "link": "https://evil.example",
    }
    assert (
        ask(client, caller, "alice@example.com", **more).content
        == ask(client, caller, "alice@example.com").content
    )
    delivery.deliver_due()
    assert [message.recipients() for message in mailoutbox] == [["alice@example.com"]] * 2
    assert "evil" not in str([message.body for message in mailoutbox])
