"""Status lists over HTTP, as services far away fetch them."""

import gzip

import pytest
from django.db import OperationalError, connection

from accounts import keyring
from accounts.models import Session
from accounts.status_lists.served_lists import lists
from tests.conftest import PASSWORD
from tests.status_list_decoder import Decoded

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
LIST = "/statuslists/1"


@pytest.fixture
def access(caller, alice) -> str:
    body = {"username": "alice", "password": PASSWORD}
    return caller.json("/c/bearer/api/v1/auth/login", body).json()["access_token"]


def test_a_service_learns_of_a_logout(caller, access):
    answer = caller.get(LIST, Accept="application/statuslist+jwt")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/statuslist+jwt")
    jwks = caller.get("/.well-known/jwks.json").json()
    assert Decoded(answer.content, jwks).status(access) == 0
    caller.json("/api/v1/auth/logout", token=access)
    lists.clear()  # a node that looks again
    assert Decoded(caller.get(LIST).content, jwks).status(access) == 1


def test_an_answer_may_be_kept_for_as_long_as_it_is_fresh(caller, access):
    answer = caller.get(LIST)
    seconds = int(answer["Cache-Control"].removeprefix("public, max-age="))
    assert 30 <= seconds < 60  # some of the minute has passed
    assert (answer["Vary"], answer["Access-Control-Allow-Origin"]) == ("Accept-Encoding", "*")
    assert int(answer["Content-Length"]) == len(answer.content)
    assert not answer.cookies


@pytest.mark.parametrize("spelled", ["{}", "W/{}", '"other", {}', "*"])
def test_a_service_that_has_the_list_gets_304(caller, access, spelled):
    answer = caller.get(LIST)
    etag = answer["ETag"].removeprefix("W/")
    again = caller.get(LIST, **{"If-None-Match": spelled.format(etag)})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])
    assert {"Content-Length", "Content-Type"}.isdisjoint(again.headers)
    assert again["Cache-Control"].startswith("public, max-age=")


def test_another_version_is_sent_whole(caller, access):
    assert caller.get(LIST, **{"If-None-Match": 'W/"other"'}).status_code == 200


def test_a_list_is_compressed_for_clients_that_accept_it(caller, access):
    plain, smaller = caller.get(LIST), caller.get(LIST, **{"Accept-Encoding": "gzip, br"})
    assert (smaller["Content-Encoding"], plain.get("Content-Encoding")) == ("gzip", None)
    assert gzip.decompress(smaller.content) == plain.content
    assert smaller["ETag"] == plain["ETag"]
    assert plain["ETag"].startswith("W/")  # other bytes have it, too


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        *(
            ("GZIP", "gzip"),
            ("*", "gzip"),
            ("br, *;q=0.1", "gzip"),
            ("deflate , gzip ; q=1", "gzip"),
        ),
        *(("gzip;q=0.001", "gzip"), ("*;q=0, gzip", "gzip"), ("identity;q=0, gzip;q=0.5", "gzip")),
        *(("gzip;q=0", None), ("identity;q=0, gzip;q=0", None), ("gzip; Q=0.000, *", None)),
        *(("", None), ("*;q=0", None), ("br", None), ("gzipped", None), (",;,", None)),
    ],
)
def test_a_list_is_compressed_by_the_weights_of_the_codings(caller, access, accepted, coding):
    """RFC 9110, 12.5.3; to whom no coding is acceptable, the list is sent without one."""
    answer = caller.get(LIST, **{"Accept-Encoding": accepted})
    assert (answer.status_code, answer.get("Content-Encoding")) == (200, coding)


def test_head_is_get_without_a_body(caller, access):
    answer = caller.http.head(LIST)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == str(len(caller.get(LIST).content))


@pytest.mark.parametrize(
    "number",
    [
        *("0", "3", "-1", "01", "1.0", "+1", "1e3", "0x1", "٣", "１", "%D9%A1", "%00", "a", "1%20"),
        *("9" * 12, "9" * 13, "9" * 5000, "1/", "1/1", "1;x", "", "../statuslists", "𝟏"),
    ],
)
def test_a_list_that_does_not_exist_is_404_in_json(caller, number):
    for _ in range(2):
        answer = caller.get(f"/statuslists/{number}")
        assert (answer.status_code, [*answer.json()]) == (404, ["detail"])


def test_no_cache_keeps_a_refusal(caller):
    assert caller.get("/statuslists/9")["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/statuslists", "/statuslists/", "/statuslistsx"])
def test_nothing_else_is_there(caller, path):
    answer = caller.get(path, Accept="text/html")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_lists_are_only_read(caller, method):
    answer = getattr(caller.http, method)(LIST)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"detail": "Method not allowed"}


@pytest.mark.parametrize("query", ["time=1686925000", "time=", "time=x"])
def test_lists_of_the_past_are_not_kept(caller, access, query):
    """Section 8.4: a server that does not support the parameter answers 501."""
    answer = caller.get(f"{LIST}?{query}")
    assert (answer.status_code, [*answer.json()]) == (501, ["detail"])
    assert caller.get(f"{LIST}?other=1").status_code == 200


def test_scanning_for_lists_asks_the_database_once(caller, access, django_assert_num_queries):
    caller.get(LIST)
    with django_assert_num_queries(0):
        for number in (1, 3, 4, 10**11):
            caller.get(f"/statuslists/{number}")


def gone(execute, sql, params, many, context):
    raise OperationalError("gone")


def test_without_the_database_and_a_list_it_is_503(caller, access):
    keyring.current()
    with connection.execute_wrapper(gone):
        for _ in range(2):
            answer = caller.get(LIST)
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
            assert answer.json() == {"detail": "Service temporarily unavailable"}


def test_no_cookie_or_token_changes_the_answer(caller, access):
    assert caller.get(LIST, access).content == caller.get(LIST, "wrong").content
    assert Session.objects.count() == 1
