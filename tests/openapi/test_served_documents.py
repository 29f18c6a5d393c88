"""Documents as they are served: to programs as JSON, and to people on pages."""

import json

import pytest

from authsvc.contracts import registry
from authsvc.contracts import urls as contract_urls
from authsvc.openapi import rendered, urls
from tests.contracts.clients import ALONE, BY_NAME

pytestmark = pytest.mark.django_db
each_alone = pytest.mark.parametrize("client", ALONE, ids=str)


@each_alone
def test_each_contract_has_a_document(caller, client, django_assert_num_queries):
    rendered._document.cache_clear()
    with django_assert_num_queries(0):
        answer = caller.get(f"/c/{client.name}/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["info"]["title"] == f"authsvc: {client.name}"


def test_the_shared_paths_have_one_of_all_contracts_that_are_served(
    caller, django_assert_num_queries
):
    rendered._document.cache_clear()
    with django_assert_num_queries(0):
        answer = caller.get("/openapi.json")
    tags = {tag["name"] for tag in answer.json()["tags"]}
    assert registry.served_names() <= tags
    assert not any(path.startswith("/c/") for path in answer.json()["paths"])


def test_a_document_is_the_same_after_requests(caller):
    """A route with GET answers HEAD from its first request on, in the same name."""
    rendered._document.cache_clear()
    before = caller.get("/c/form/openapi.json").json()
    caller.get("/c/form/api/v1/auth/me")
    caller.get("/api/v1/auth/me")
    rendered._document.cache_clear()
    assert caller.get("/c/form/openapi.json").json() == before
    paths = caller.get("/openapi.json").json()["paths"]
    assert paths["/api/v1/auth/me"]["get"]["operationId"] == "form_me"
    assert "/openapi.json" not in paths


def test_a_document_that_a_client_has_is_not_sent_again(caller):
    etag = caller.get("/openapi.json").headers["ETag"]
    answer = caller.get("/openapi.json", **{"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert caller.get("/openapi.json", **{"If-None-Match": '"another"'}).status_code == 200


def test_another_document_of_the_same_name_is_another_version(settings):
    """An upgrade or another setting has changed it: a client must not keep the old one."""

    def made_anew():
        rendered._document.cache_clear()
        return rendered.document("bearer")

    every, before = settings.CONTRACTS, made_anew()
    settings.CONTRACTS = ["bearer"]  # without a password grant, the button logs nobody in
    after = made_anew()
    settings.CONTRACTS = every
    made_anew()
    assert (before.body == after.body, before.etag == after.etag) == (False, False)


@each_alone
def test_another_method_is_refused_in_the_contracts_words(caller, client):
    answer = caller.json(f"/c/{client.name}/openapi.json", {})
    assert answer.status_code == 405
    assert answer.json() == client.error(405, "Method not allowed")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_contract_that_is_switched_off_has_no_document(caller, settings):
    """Its path is then one that the contract answers with its 404."""
    settings.CONTRACTS = ["form"]
    settings.ROOT_URLCONF = type(
        "Routes",
        (),
        {"urlpatterns": [*urls.of_contracts(), *contract_urls.urls(frozenset({"form"}))]},
    )
    assert caller.get("/c/form/openapi.json").status_code == 200
    for name in ("bearer", "camel", "challenge", "envelope"):
        answer = caller.get(f"/c/{name}/openapi.json")
        assert (answer.status_code, answer.json()) == (404, BY_NAME[name].error(404, "Not found"))


def test_a_contract_that_is_switched_off_has_no_page(caller, settings):
    settings.CONTRACTS = ["form"]
    page = caller.get("/docs").content.decode()
    assert ('href="/docs/form"' in page, 'href="/docs/camel"' in page) == (True, False)
    assert [caller.get(f"/docs/{name}").status_code for name in ("form", "camel")] == [200, 404]


def test_an_unknown_contract_has_no_document(caller):
    for path in ("/c/nobody/openapi.json", "/docs/nobody", "/docs/shared_paths"):
        assert caller.get(path).status_code == 404


def test_documents_can_be_switched_off(settings):
    settings.API_DOCS = False
    assert [*urls.urls(), *urls.of_contracts()] == []


def test_the_list_leads_to_the_page_of_each_contract(caller):
    page = caller.get("/docs").content.decode()
    for name in registry.served_names():
        assert f'href="/docs/{name}"' in page
        assert (
            f'data-document="/c/{name}/openapi.json"'
            in caller.get(f"/docs/{name}").content.decode()
        )
    assert 'data-document="/openapi.json"' in caller.get("/docs/shared-paths").content.decode()


def test_only_the_pages_of_documents_may_send_requests_by_script(caller):
    policies = {
        path: caller.get(path).headers["Content-Security-Policy"]
        for path in ("/docs/form", "/docs", "/forgot")
    }
    assert "connect-src 'self'" in policies["/docs/form"]
    assert "unsafe" not in policies["/docs/form"]
    assert "connect-src" not in policies["/docs"] + policies["/forgot"]


def test_a_document_is_small_enough_to_be_read_at_once(caller):
    for name in registry.served_names():
        assert len(json.dumps(caller.get(f"/c/{name}/openapi.json").json())) < 64 * 1024
