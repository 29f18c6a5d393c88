"""A sixth contract, from a package of its own: its answers, and the client for the suites."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from tests.conftest import PASSWORD
from tests.contracts.client import ContractClient, Operation

pytestmark = pytest.mark.django_db


class LegacyClient(ContractClient):
    name, mount = "legacy", "/auth/v2"
    session_lifetime = timedelta(days=14)
    logins = (Operation("log_in", {"user_name": "alice", "pass_word": PASSWORD}, form=True),)
    refreshes = (Operation("refresh", {"refresh_token": "x.y.z"}),)
    logouts = (Operation("log_out", method="DELETE"),)
    gets = (Operation("who_am_i"),)

    def login_fields(self, username, password):
        return {"user_name": username, "pass_word": password}

    def tokens_in(self, body):
        return body["access_token"], body["refresh_token"]

    def refresh_fields(self, refresh):
        return {"refresh_token": refresh}

    def error(self, status, text):
        return {"fault": {"code": status, "reason": text}}


client = LegacyClient()


def test_login(caller, alice):
    answer = client.log_in(caller)
    access, refresh = client.tokens_in(answer.json())
    assert (answer.status_code, answer.json()) == (
        200,
        {"access_token": access, "refresh_token": refresh, "valid_for": 1800},
    )


def test_login_by_a_form(caller, alice):
    answer = caller.form(client.login_path, urlencode(client.login_fields("alice", PASSWORD)))
    assert (answer.status_code, answer.json()["valid_for"]) == (200, 1800)


def test_login_with_a_wrong_password(caller, alice):
    answer = client.log_in(caller, password="wrong")
    assert (answer.status_code, answer.json()) == (
        401,
        {"fault": {"code": 401, "reason": "Wrong user name or password"}},
    )


def test_refresh(caller, alice):
    answer = client.refresh(caller, *client.tokens(caller))
    assert answer.json() == {"access_token": answer.json()["access_token"], "valid_for": 1800}


def test_the_user_of_a_token(caller, alice):
    access, _ = client.tokens(caller)
    assert caller.get(client.path("who_am_i"), access).json() == {
        "user_name": "alice",
        "mail_address": "alice@example.com",
    }


def test_log_out(caller, alice):
    access, _ = client.tokens(caller)
    assert client.log_out(caller, access).json() == {"done": True}
    assert caller.get(client.path("who_am_i"), access).status_code == 401
