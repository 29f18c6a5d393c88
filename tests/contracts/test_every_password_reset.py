"""Password resets, and passwords to be changed, in every contract.

Also from one contract to another.
"""

from typing import Any

import pytest

from accounts import password_reset, passwords
from accounts.mail import delivery
from accounts.models import OutgoingMail, Session, User
from tests.conftest import PASSWORD, Caller
from tests.contracts.answers import plainly
from tests.contracts.clients import BY_NAME, CLIENTS, REFRESHING
from tests.reset_mails import token_in

pytestmark = pytest.mark.django_db
NEW = "eine Zeile, die keiner kennt"
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


# Reset


def by_token(caller: Caller, reset_secrets: Any, **more: Any) -> Any:
    return caller.json(
        "/api/v1/auth/reset-password", {"token": reset_secrets.token, "new_password": NEW, **more}
    )


def by_code(caller: Caller, reset_secrets: Any, **more: Any) -> Any:
    body = {"username": "alice", "password": NEW, "confirmation_code": reset_secrets.code, **more}
    return caller.json("/v1/forgot-password-confirm", body)


each_way = pytest.mark.parametrize("reset", [by_token, by_code])


@every_client
@each_way
def test_a_reset_ends_the_sessions_of_every_contract(caller, alice, client, reset):
    access, refresh = client.tokens(caller)
    assert reset(caller, password_reset.make(alice)).status_code == 200
    assert (
        caller.get("/api/v1/auth/me", access).status_code
        == caller.get("/api/auth/validate", access).status_code
        == 401
    )
    assert not refresh or client.refresh(caller, access, refresh).status_code == 401
    assert not Session.objects.live().exists()
    assert (client.log_in(caller).status_code, client.log_in(caller, password=NEW).status_code) == (
        401,
        200,
    )


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_change_ends_the_sessions_of_every_contract_but_its_own(caller, alice, client):
    (access, refresh), (mine, _) = client.tokens(caller), BY_NAME["challenge"].tokens(caller)
    body = {"access_token": mine, "previous_password": PASSWORD, "proposed_password": NEW}
    assert caller.json("/v1/change-password", body).status_code == 200
    assert [caller.get("/api/v1/auth/me", token).status_code for token in (mine, access)] == [
        200,
        401,
    ]
    assert client.refresh(caller, access, refresh).status_code == 401


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


@every_client
def test_a_locked_name_is_unlocked_by_the_link(caller, alice, client):
    """Guessing on cannot lock Alice out: her mail is stronger."""
    for typed in ("alice", "alice@example.com"):
        for _ in range(10):
            client.log_in(caller, typed, "wrong")
        assert client.log_in(caller, typed).status_code == 429
    assert by_token(caller, password_reset.make(alice)).status_code == 200
    assert {
        client.log_in(caller, typed, NEW).status_code for typed in ("alice", "alice@example.com")
    } == {200}


def test_code_token_and_code_again_go_by_one_budget(caller, alice):
    """Ten guesses in all, at codes or at passwords."""
    reset_secrets = password_reset.make(alice)
    wrong = [
        by_code(caller, reset_secrets, confirmation_code="6MadrbRF").status_code for _ in range(5)
    ]
    wrong += [BY_NAME["form"].log_in(caller, password="wrong").status_code for _ in range(5)]
    assert wrong == [401] * 10
    assert by_code(caller, password_reset.make(alice)).status_code == 429


# A password that must be changed


@every_client
@pytest.mark.parametrize("typed", ["alice", "Alice@Example.com"])
def test_a_user_who_must_change_the_password_gets_a_mail_with_a_link(
    caller, alice, mailoutbox, client, typed
):
    passwords.set_temporary(alice, "set by Olga, for once")
    answer = client.log_in(caller, typed, "set by Olga, for once")
    delivery.deliver_due()
    if client.issues_challenges:
        assert answer.status_code == 200
        assert mailoutbox == []
        return
    assert (answer.status_code, answer.json()) == (
        403,
        client.refusal(403, "Password change required"),
    )
    (message,) = mailoutbox
    assert message.recipients() == ["alice@example.com"]
    assert (
        caller.json(
            "/api/v1/auth/reset-password", {"token": token_in(message), "new_password": NEW}
        ).status_code
        == 200
    )
    assert client.log_in(caller, password=NEW).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/auth/token", "/c/form/api/v1/auth/token"])
def test_oauth_gives_no_token_to_a_user_who_must_change_the_password(caller, alice, path):
    passwords.set_temporary(alice, "set by Olga, for once")
    answer = caller.form(path, "username=alice&password=set+by+Olga,+for+once")
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "invalid_grant", "error_description": "Password change required"},
    )
    assert OutgoingMail.objects.get().identifier == "alice"


@every_client
def test_a_wrong_password_is_wrong_whether_or_not_it_must_be_changed(caller, alice, bob, client):
    passwords.set_temporary(alice, "set by Olga, for once")
    temporary, usual = (
        client.log_in(caller, "alice", "wrong"),
        client.log_in(caller, "bob", "wrong"),
    )
    assert temporary.status_code == 401
    assert plainly(temporary) == plainly(usual)
    assert not OutgoingMail.objects.exists()


@every_client
def test_without_outgoing_mail_a_password_must_be_changed_too(caller, alice, settings, client):
    settings.EMAILS_ENABLED = False
    passwords.set_temporary(alice, "set by Olga, for once")
    answer = client.log_in(caller, password="set by Olga, for once")
    assert answer.status_code == (200 if client.issues_challenges else 403)
    assert not OutgoingMail.objects.exists()
    assert not Session.objects.exists()


@every_client
def test_a_challenge_answered_in_one_contract_opens_all(caller, alice, client):
    passwords.set_temporary(alice, "set by Olga, for once")
    session = (
        BY_NAME["challenge"].log_in(caller, password="set by Olga, for once").json()["session"]
    )
    body = {
        "session": session,
        "username": "alice",
        "new_password": NEW,
        "is_staff": True,
        "expires_in": 10**9,
    }
    access = caller.json("/v1/new-password-required", body).json()["access_token"]
    assert caller.get("/api/auth/validate", access).json()["user"]["role"] == "user"
    assert client.log_in(caller, password=NEW).status_code == 200
