"""Passwords that are forgotten, reset or to be changed: what holds in every contract, and from one to another."""

from typing import Any, NamedTuple

import pytest

from accounts import password_reset, passwords
from accounts.mail import delivery
from accounts.models import OutgoingMail, Session, User
from tests.conftest import PASSWORD, Caller
from tests.contracts.clients import DOORS, REFRESHING, Door
from tests.contracts.endpoints import misshapen
from tests.reset_mails import token_in

pytestmark = pytest.mark.django_db
NEW = "eine Zeile, die keiner kennt"
every_door = pytest.mark.parametrize("door", DOORS, ids=str)


class Forgot(NamedTuple):
    """One of the paths that mail a way back in."""

    path: str
    shape: str
    field: str = ""

    def ask(self, caller: Caller, address: str, **more: Any) -> Any:
        if self.field:
            return caller.json(self.path, {self.field: address, **more})
        return caller.http.post(f"{self.path}/{address}")


FORGOTS = [
    Forgot("/api/v1/auth/forgot-password", "bearer", "email"),
    Forgot("/c/bearer/api/v1/auth/forgot-password", "bearer", "email"),
    Forgot("/api/v1/auth/password-recovery", "form"),
    Forgot("/c/form/api/v1/auth/password-recovery", "form"),
    Forgot("/v1/forgot-password", "challenge", "username"),
    Forgot("/c/challenge/v1/forgot-password", "challenge", "username"),
]
every_forgot = pytest.mark.parametrize("forgot", FORGOTS, ids=lambda forgot: forgot.path)


def plainly(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    return (
        answer.status_code,
        answer.content,
        {name: value for name, value in answer.headers.items() if name != "X-Request-ID"},
    )


# Forgotten


@every_forgot
def test_known_unknown_and_inactive_look_the_same(
    caller, alice, bob, forgot, django_assert_num_queries
):
    """The same bytes, and the same one statement, which looks nobody up."""
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = []
    for address in ("alice@example.com", "nobody@example.com", "bob@example.com", "not an address"):
        with django_assert_num_queries(1) as captured:
            answers.append(forgot.ask(caller, address))
        assert captured.captured_queries[0]["sql"].startswith(
            f'INSERT INTO "{OutgoingMail._meta.db_table}"'
        )
    assert answers[0].status_code == 200
    assert len({str(plainly(answer)) for answer in answers}) == 1
    assert OutgoingMail.objects.waiting().count() == 4


@every_forgot
@pytest.mark.parametrize("address", ["alice@example.com", "nobody@example.com"])
def test_where_no_mail_is_sent_nobody_is_told_that_it_was(caller, alice, settings, forgot, address):
    settings.EMAILS_ENABLED = False
    answer = forgot.ask(caller, address)
    text = "Email sending is not enabled"
    body = {"message": text, "status": 503} if forgot.shape == "challenge" else {"detail": text}
    assert (answer.status_code, answer.json()) == (503, body)
    assert not OutgoingMail.objects.exists()


@every_forgot
def test_whoever_asks_for_too_many_is_asked_to_wait(caller, alice, settings, forgot):
    settings.FORGOT_RATE_PER_ADDRESS = "3/1h"
    answers = [
        forgot.ask(caller, f"{name}@example.com")
        for name in ("alice", "nobody", "alice", "alice", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].content == answers[4].content
    assert 1 <= int(answers[3]["Retry-After"]) <= 3600
    assert not misshapen(answers[3], forgot.shape)


@every_forgot
def test_the_mail_knows_which_contract_was_asked(caller, alice, forgot):
    forgot.ask(caller, "alice@example.com")
    assert OutgoingMail.objects.get().contract == forgot.shape


@every_forgot
def test_a_forged_host_never_reaches_the_mail(caller, alice, mailoutbox, forgot):
    evil = {
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
        "X-Original-Host": "evil.example",
    }
    for headers in (evil, {**evil, "Host": "evil.example"}):
        caller.http.defaults = {
            f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()
        }
        answer = forgot.ask(caller, "alice@example.com")
        assert answer.headers["Content-Type"] == "application/json"
    delivery.deliver_due()
    assert mailoutbox
    for message in mailoutbox:
        assert "http://testserver/reset/" in message.body
        assert "evil" not in message.message().as_string()


@pytest.mark.parametrize(
    "forgot", [forgot for forgot in FORGOTS if forgot.field], ids=lambda forgot: forgot.path
)
def test_extra_fields_of_who_forgot_are_ignored(caller, alice, mailoutbox, forgot):
    more = {
        "expires_in": 10**9,
        "user_id": 1,
        "to": "eve@example.com",
        "language": "fr",
        "link": "https://evil.example",
    }
    assert (
        forgot.ask(caller, "alice@example.com", **more).content
        == forgot.ask(caller, "alice@example.com").content
    )
    delivery.deliver_due()
    assert [message.recipients() for message in mailoutbox] == [["alice@example.com"]] * 2
    assert "evil" not in str([message.body for message in mailoutbox])


# Reset


def by_token(caller: Caller, reset_secrets: Any, **more: Any) -> Any:
    return caller.json(
        "/api/v1/auth/reset-password", {"token": reset_secrets.token, "new_password": NEW, **more}
    )


def by_code(caller: Caller, reset_secrets: Any, **more: Any) -> Any:
    body = {"username": "alice", "password": NEW, "confirmation_code": reset_secrets.code, **more}
    return caller.json("/v1/forgot-password-confirm", body)


each_way = pytest.mark.parametrize("reset", [by_token, by_code])


@every_door
@each_way
def test_a_reset_ends_the_sessions_of_every_contract(caller, alice, door, reset):
    access, refresh = door.tokens(caller)
    assert reset(caller, password_reset.make(alice)).status_code == 200
    assert (
        caller.get("/api/v1/auth/me", access).status_code
        == caller.get("/api/auth/validate", access).status_code
        == 401
    )
    assert not refresh or door.refresh(caller, access, refresh).status_code == 401
    assert not Session.objects.live().exists()
    assert (door.log_in(caller).status_code, door.log_in(caller, password=NEW).status_code) == (
        401,
        200,
    )


@pytest.mark.parametrize("door", REFRESHING, ids=str)
def test_a_change_ends_the_sessions_of_every_contract_but_its_own(caller, alice, door):
    (access, refresh), (mine, _) = door.tokens(caller), Door("challenge").tokens(caller)
    body = {"access_token": mine, "previous_password": PASSWORD, "proposed_password": NEW}
    assert caller.json("/v1/change-password", body).status_code == 200
    assert [caller.get("/api/v1/auth/me", token).status_code for token in (mine, access)] == [
        200,
        401,
    ]
    assert door.refresh(caller, access, refresh).status_code == 401


@each_way
def test_a_way_back_that_was_used_is_closed_in_every_contract(caller, alice, reset):
    reset_secrets = password_reset.make(alice)
    assert reset(caller, reset_secrets).status_code == 200
    assert [
        by_token(caller, reset_secrets).status_code,
        by_code(caller, reset_secrets).status_code,
    ] == [400, 401]
    assert (
        caller.get(f"/c/bearer/api/v1/auth/validate-reset-token/{reset_secrets.token}").status_code
        == 400
    )


@each_way
def test_extra_fields_of_a_reset_are_ignored(caller, alice, bob, reset):
    more = {
        "user_id": bob.pk,
        "email": "bob@example.com",
        "is_admin": True,
        "is_staff": True,
        "expires_in": 10**9,
    }
    assert reset(caller, password_reset.make(alice), **more).status_code == 200
    alice.refresh_from_db()
    assert (alice.is_admin, alice.check_password(NEW)) == (False, True)
    assert User.objects.get(pk=bob.pk).password == bob.password


@every_door
def test_a_locked_name_is_unlocked_by_the_link(caller, alice, door):
    """Whoever keeps guessing cannot lock Alice out: her mail is stronger."""
    for typed in ("alice", "alice@example.com"):
        for _ in range(10):
            door.log_in(caller, typed, "wrong")
        assert door.log_in(caller, typed).status_code == 429
    assert by_token(caller, password_reset.make(alice)).status_code == 200
    assert {
        door.log_in(caller, typed, NEW).status_code for typed in ("alice", "alice@example.com")
    } == {200}


def test_code_token_and_code_again_go_by_one_budget(caller, alice):
    """Guesses at codes and at passwords are one budget: ten of them, whatever they are guesses at."""
    reset_secrets = password_reset.make(alice)
    wrong = [
        by_code(caller, reset_secrets, confirmation_code="6MadrbRF").status_code for _ in range(5)
    ]
    wrong += [Door("form").log_in(caller, password="wrong").status_code for _ in range(5)]
    assert wrong == [401] * 10
    assert by_code(caller, password_reset.make(alice)).status_code == 429


# A password that must be changed


@every_door
@pytest.mark.parametrize("typed", ["alice", "Alice@Example.com"])
def test_who_must_change_the_password_gets_a_mail_with_the_way(
    caller, alice, mailoutbox, door, typed
):
    passwords.set_temporary(alice, "set by Olga, for once")
    answer = door.log_in(caller, typed, "set by Olga, for once")
    delivery.deliver_due()
    if door.name == "challenge":
        assert answer.status_code == 200
        assert mailoutbox == []
        return
    assert (answer.status_code, answer.json()) == (
        403,
        door.refusal(403, "Password change required"),
    )
    (message,) = mailoutbox
    assert message.recipients() == ["alice@example.com"]
    assert (
        caller.json(
            "/api/v1/auth/reset-password", {"token": token_in(message), "new_password": NEW}
        ).status_code
        == 200
    )
    assert door.log_in(caller, password=NEW).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/auth/token", "/c/form/api/v1/auth/token"])
def test_who_must_change_the_password_gets_no_token_from_oauth_either(caller, alice, path):
    passwords.set_temporary(alice, "set by Olga, for once")
    answer = caller.form(path, "username=alice&password=set+by+Olga,+for+once")
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "invalid_grant", "error_description": "Password change required"},
    )
    assert OutgoingMail.objects.get().identifier == "alice"


@every_door
def test_a_wrong_password_is_wrong_whether_or_not_it_must_be_changed(caller, alice, bob, door):
    passwords.set_temporary(alice, "set by Olga, for once")
    temporary, usual = door.log_in(caller, "alice", "wrong"), door.log_in(caller, "bob", "wrong")
    assert temporary.status_code == 401
    assert plainly(temporary) == plainly(usual)
    assert not OutgoingMail.objects.exists()


@every_door
def test_where_no_mail_is_sent_a_password_must_be_changed_all_the_same(
    caller, alice, settings, door
):
    settings.EMAILS_ENABLED = False
    passwords.set_temporary(alice, "set by Olga, for once")
    answer = door.log_in(caller, password="set by Olga, for once")
    assert answer.status_code == (200 if door.name == "challenge" else 403)
    assert not OutgoingMail.objects.exists()
    assert not Session.objects.exists()


@every_door
def test_a_challenge_answered_in_one_contract_opens_all(caller, alice, door):
    passwords.set_temporary(alice, "set by Olga, for once")
    session = Door("challenge").log_in(caller, password="set by Olga, for once").json()["session"]
    body = {
        "session": session,
        "username": "alice",
        "new_password": NEW,
        "is_staff": True,
        "expires_in": 10**9,
    }
    access = caller.json("/v1/new-password-required", body).json()["access_token"]
    assert caller.get("/api/auth/validate", access).json()["user"]["role"] == "user"
    assert door.log_in(caller, password=NEW).status_code == 200
