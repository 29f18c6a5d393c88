"""The comparison itself: it finds whatever is not as a document says."""

import json

import pytest

from authsvc.contracts import BUILT_IN
from tests.openapi.described import Answer, problems

HEADERS = {
    "Content-Type": "application/json",
    "X-Request-ID": "r1",
    "Cache-Control": "no-store",
}
LOGOUT = "/c/camel/api/v1/auth/logout"
BODY = {"message": "Successfully logged out"}


def answer(path=LOGOUT, status=200, body=BODY, method="POST", without="", **headers):
    sent = {name: value for name, value in {**HEADERS, **headers}.items() if name != without}
    return Answer(method, path, status, sent, json.dumps(body).encode())


def test_an_answer_as_documented():
    assert problems(answer()) == []
    assert problems(answer(path=f"{LOGOUT}/")) == []
    assert problems(answer(path="/somewhere")) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"status": 202}, "status 202 is not in the document"),
        ({"status": 204}, "status 204 is not in the document"),
        ({"method": "PUT"}, "status 200 is not in the document"),
        ({"body": {}}, ': "message" is a required property'),
        ({"body": []}, ': [] is not of type "object"'),
        ({"body": {"message": "Bye"}}, 'message: "Successfully logged out" was expected'),
        ({"without": "X-Request-ID"}, "header x-request-id is missing"),
        ({"Cache-Control": "public"}, 'header cache-control: : "no-store" was expected'),
        ({"Set-Cookie": "a=b"}, "header set-cookie is not in the document"),
        ({"Content-Type": "text/html"}, "content type 'text/html' is not in the document"),
        ({"without": "Content-Type"}, "content type '' is not in the document"),
        ({"status": 401, "body": {"error": ""}}, "header www-authenticate is missing"),
    ],
)
def test_an_answer_that_is_not_as_documented(changed, found):
    assert problems(answer(**changed)) == [found]


@pytest.mark.parametrize(
    ("mount", "path", "body"),
    [
        ("camel", LOGOUT, {**BODY, "token": "x"}),
        ("", "/api/auth/logout", {"success": True, "message": "Logged out", "token": "x"}),
    ],
)
def test_a_field_that_is_not_in_the_document(mount, path, body):
    assert len(problems(answer(path=path, body=body))) == 1


def test_the_path_in_a_template_and_a_body_where_none_belongs():
    key = "/c/camel/api/v1/auth/keys/key_1"
    empty = Answer("DELETE", key, 204, {**HEADERS, "Content-Type": ""}, b"")
    assert problems(empty) == []
    assert problems(empty._replace(body=b"{}")) != []
    assert problems(empty._replace(path=f"{key}/x")) == []
    assert problems(empty._replace(status=200)) == ["status 200 is not in the document"]


def test_a_wait_is_a_number_of_seconds():
    late = answer("/c/bearer/api/v1/auth/login", 429, {"detail": "Too many"})
    assert problems(late) == ["header retry-after is missing"]
    assert problems(late._replace(headers={**HEADERS, "Retry-After": "300"})) == []
    assert len(problems(late._replace(headers={**HEADERS, "Retry-After": "soon"}))) == 1


def test_the_head_of_an_answer_has_no_body():
    for name in BUILT_IN:
        assert problems(answer(f"/c/{name}/nowhere", 404, method="HEAD")) == []
    head = Answer("HEAD", "/c/form/api/v1/auth/me", 200, HEADERS, b"")
    assert problems(head) == []
