"""Refusals and unknown paths, as every contract answers them."""

import json
from typing import Any

import pytest
from django.urls import include, path

from accounts import keyring
from accounts.api.viewsets import OpenViewSet
from accounts.models import Session, SigningKey
from authsvc.contracts import registry
from tests.conftest import PASSWORD
from tests.contracts.answers import plainly
from tests.contracts.client import ContractClient
from tests.contracts.clients import ALONE, CLIENTS, REFRESHING
from tests.contracts.endpoints import LOGOUTS, PROTECTED, each, statuses

pytestmark = pytest.mark.django_db
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)
each_alone = pytest.mark.parametrize("client", ALONE, ids=str)


def registered(client: ContractClient) -> registry.Registered:
    return next(each for each in registry.registered() if each.contract.name == client.name)


# Refusals


@every_client
def test_malformed_json(caller, alice, client):
    answer = client.send(caller, b'{"username": "alice", "password"')
    status = client.invalid_status
    assert (answer.status_code, answer.json()) == (status, client.refusal(status, "Malformed JSON"))


@every_client
def test_json_without_a_content_type_is_json(caller, alice, client):
    body = json.dumps(client.login_fields("alice", PASSWORD)).encode()
    unlabelled = caller.http.post(client.login_path, body, content_type="")
    assert unlabelled.status_code == 200
    assert {session.contract for session in Session.objects.all()} == {client.opens_by_json}


@every_client
def test_a_form_without_a_content_type_is_malformed_json(caller, alice, client):
    answer = caller.http.post(client.login_path, b"username=alice", content_type="")
    status = client.invalid_status
    assert (answer.status_code, answer.json()) == (status, client.refusal(status, "Malformed JSON"))


@every_client
def test_a_content_type_that_nobody_reads(caller, alice, client):
    answer = caller.http.generic(client.logins[0].method, client.login_path, "alice", "text/plain")
    assert (answer.status_code, answer.json()) == (
        415,
        client.refusal(415, "Unsupported content type"),
    )


@every_client
@pytest.mark.parametrize("end", ["nothing", "login/more", "Login", "", "loginx", "..", "login//"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_is_there(caller, client, end, method):
    answer = caller.http.generic(method, client.path(end), "{}", content_type="application/json")
    assert (answer.status_code, answer.json()) == (404, client.refusal(404, "Not found"))
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("client", ALONE, ids=str)
def test_nothing_is_beside_the_mount_of_a_contract_that_stands_alone(caller, client):
    answer = caller.get(f"{client.prefix}/nowhere")
    assert (answer.status_code, answer.json()) == (404, client.refusal(404, "Not found"))


@every_client
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE"])
def test_a_method_that_the_document_does_not_name(caller, client, method):
    answer = caller.http.generic(method, client.login_path)
    assert (answer.status_code, answer.json()) == (405, client.refusal(405, "Method not allowed"))
    assert answer["Allow"] == "POST, OPTIONS"


@every_client
def test_an_unforeseen_error(caller, alice, client, caplog):
    SigningKey.objects.update(private="not what was stored")
    keyring.forget()
    answer = client.log_in(caller)
    assert (answer.status_code, answer.json()) == (
        500,
        client.refusal(500, "Internal server error"),
    )
    assert answer["Cache-Control"] == "no-store"
    assert "UnusableKeyring" in caplog.text
    assert PASSWORD not in caplog.text


class Broken(OpenViewSet):
    def post(self, request):
        raise RuntimeError("of a kind that nobody thought of")


@each_alone
def test_an_error_of_any_kind(caller, settings, client):
    settings.ROOT_URLCONF = routes(
        path("v1/broken", Broken.as_view({"post": "post"}, contract=registered(client).contract))
    )
    answer = caller.json("/v1/broken")
    assert (answer.status_code, answer.json()) == (
        500,
        client.refusal(500, "Internal server error"),
    )


@every_client
def test_no_answer_is_kept_by_a_cache(caller, alice, client):
    good, wrong, lost = (
        client.log_in(caller),
        client.log_in(caller, password="wrong"),
        caller.get(client.path("nothing")),
    )
    assert [answer.status_code for answer in (good, wrong, lost)] == [200, 401, 404]
    for answer in (good, wrong, lost):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"


@every_client
def test_each_401_says_how_to_come_in(caller, alice, client):
    access, refresh = client.tokens(caller)
    if refresh:
        caller.json("/v1/token-revoke", {"refresh_token": refresh})
    else:
        client.log_out(caller, access)
    answers = [
        client.log_in(caller, password="wrong"),
        *(caller.get(protected, token) for protected in PROTECTED for token in ("", access)),
    ]
    answers += [client.refresh(caller, access, refresh)] if refresh else []
    assert [(answer.status_code, answer["WWW-Authenticate"]) for answer in answers] == [
        (401, "Bearer")
    ] * len(answers)


@pytest.mark.parametrize("protected", PROTECTED)
@pytest.mark.parametrize(
    "authorization",
    ["Basic YWxpY2U6eA==", "Token {}", "Bearer", "Bearer {} {}", "Bearer {}, Bearer {}", "{}"],
)
def test_an_authorization_of_another_kind(caller, alice, protected, authorization):
    access, _ = CLIENTS[0].tokens(caller)
    answer = caller.get(protected, Authorization=authorization.replace("{}", access))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("protected", PROTECTED)
def test_a_token_counts_only_in_its_header(caller, alice, protected):
    access, _ = CLIENTS[0].tokens(caller)
    caller.http.cookies["access_token"] = access
    assert caller.get(f"{protected}?access_token={access}&token={access}").status_code == 401


# A slash at the end


@every_client
def test_a_slash_at_the_end_answers_the_same(caller, alice, client):
    with_slash, without = (
        client.log_in(caller, end=f"{client.logins[0].end}/"),
        client.log_in(caller),
    )
    assert (with_slash.status_code, with_slash.json().keys()) == (200, without.json().keys())
    refused = (
        client.log_in(caller, password="wrong", end=end)
        for end in (client.logins[0].end, f"{client.logins[0].end}/")
    )
    assert len({(answer.status_code, answer.content) for answer in refused}) == 1


@pytest.mark.parametrize("protected", PROTECTED)
def test_a_slash_at_the_end_of_a_protected_path(caller, alice, protected):
    access, _ = CLIENTS[0].tokens(caller)
    for token in (access, ""):
        assert plainly(caller.get(f"{protected}/", token)) == plainly(caller.get(protected, token))


@pytest.mark.parametrize("client", REFRESHING, ids=str)
def test_a_slash_at_the_end_of_a_refresh(caller, alice, client):
    end = f"{client.refreshes[0].end}/"
    assert client.refresh(caller, *client.tokens(caller), end=end).status_code == 200


@each(LOGOUTS)
def test_a_slash_at_the_end_of_a_logout(caller, alice, endpoint):
    access, _ = CLIENTS[0].tokens(caller)
    done = caller.json(f"{endpoint.path}/", token=access, method=endpoint.method)
    assert done.status_code == 200
    assert statuses(caller, access) == {401}


@pytest.mark.parametrize("protected", PROTECTED)
def test_head_is_a_get(caller, alice, protected):
    access, _ = CLIENTS[0].tokens(caller)
    asked = (
        caller.http.head(protected, headers=caller.headers(token, {})) for token in (access, "")
    )
    assert [answer.status_code for answer in asked] == [200, 401]


def routes(*patterns: Any) -> type:
    """Return a URL configuration of the test's own."""
    return type(
        "Routes", (), {"urlpatterns": [*patterns, path("", include("accounts.pages.urls"))]}
    )  # pages, which the log's filter knows
