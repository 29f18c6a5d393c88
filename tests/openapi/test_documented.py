"""The client of the contracts' suites fails at an answer that is not as documented."""

import pytest
from django.http import JsonResponse

from tests.openapi.documented import check, operation_at

ME = ("form", "/api/v1/auth/me", "get")
HEADERS = {"X-Request-ID": "1", "Cache-Control": "no-store"}
JOHN = {
    "id": 1,
    "username": "john",
    "email": "",
    "name": "",
    "is_superuser": False,
    "is_active": True,
}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (JsonResponse(JOHN, status=202, headers=HEADERS), "202 of GET"),
        (JsonResponse({**JOHN, "id": "1"}, headers=HEADERS), "is not of type 'integer'"),
        (JsonResponse({"id": 1}, headers=HEADERS), "'username' is a required property"),
        (JsonResponse(JOHN, headers={"X-Request-ID": "1"}), "{'Cache-Control'}"),
        (JsonResponse(JOHN, headers=HEADERS | {"Retry-After": "1"}), "{'Retry-After'}"),
        (JsonResponse({"detail": ""}, status=401, headers=HEADERS), "{'WWW-Authenticate'}"),
    ],
)
def test_an_answer_that_is_not_documented_fails(answer, complaint):
    with pytest.raises(AssertionError) as failed:
        check(*ME, answer)
    assert complaint in str(failed.value)


def test_an_answer_as_documented_does_not():
    check(*ME, JsonResponse({**JOHN, "more": "fields"}, headers=HEADERS))


def test_operations_are_found_at_their_paths_with_and_without_a_prefix():
    assert operation_at("/c/form/api/v1/auth/me/", "get") == ME
    assert operation_at("/api/v1/auth/keys/key_1", "delete") == (
        *("", "/api/v1/auth/keys/{key_id}", "delete"),
    )
    assert operation_at("/api/v1/auth/keys/key_1", "get") is None
    assert operation_at("/c/nobody/v1/login", "post") is None
