"""Contracts whose policy or wording cannot be served: each stops the start with a sentence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts import errors
from accounts.api.contract import ErrorResponse
from authsvc.contracts import contract_checks, registry
from tests.contracts.somewhere.legacy import contract

RAW: Any = ErrorResponse  # with values that its types forbid
MISSING: Any = None


def refused(mistaken):
    """Return what the start says of this contract after its name."""
    with pytest.raises(ImproperlyConfigured) as stopped:
        contract_checks.check(mistaken)
    _, _, problem = str(stopped.value).partition("can be served; legacy cannot: ")
    assert "\n" not in problem
    return problem


def test_every_contract_can_be_served():
    for each in registry.registered():
        contract_checks.check(each.contract)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(-5), 600, "1h"])
@pytest.mark.parametrize("field", ["access", "refresh", "session_maximum"])
def test_a_lifetime_is_a_timedelta_of_more_than_nothing(field, lifetime):
    policy = replace(contract.policy, **{field: lifetime})
    said = refused(replace(contract, policy=policy))
    assert said.startswith(f"{field} must be a timedelta of more than nothing, and is ")


def test_access_tokens_have_a_lifetime():
    policy = replace(contract.policy, access=MISSING)
    assert "access must be a timedelta" in refused(replace(contract, policy=policy))


def test_a_policy_that_rotates_has_refresh_tokens():
    policy = replace(contract.policy, rotates=True, refresh=None)
    assert "refresh is None" in refused(replace(contract, policy=policy))


@pytest.mark.parametrize("accepted", [None, "bearer", ["bearer"]])
def test_refresh_tokens_are_accepted_from_a_set(accepted):
    policy = replace(contract.policy, accepts_refresh_from=accepted)
    assert "accepts_refresh_from must be a set" in refused(replace(contract, policy=policy))


@pytest.mark.parametrize("refusal", [int, "InvalidCredentials", errors])
def test_a_phrase_is_for_an_exception_class(refusal):
    said = refused(replace(contract, phrases={refusal: ErrorResponse(401, "No")}))
    assert said.startswith("the keys of phrases must be exception classes, and one is ")


@pytest.mark.parametrize(
    "response",
    [
        "No",
        (401, "No"),
        ErrorResponse(200, "No"),
        ErrorResponse(9999, "No"),
        RAW("401", "No"),
        ErrorResponse(401, ""),
        RAW(401, None),
        RAW(401, "No", None),
    ],
)
def test_a_phrase_is_an_error_response_of_400_to_599_with_a_text(response):
    said = refused(replace(contract, phrases={errors.InvalidToken: response}))
    assert said.startswith("the phrase for InvalidToken must be an ErrorResponse with a status")


def test_phrases_are_a_dict():
    assert "phrases must be a dict" in refused(replace(contract, phrases=MISSING))


@pytest.mark.parametrize("invalid", [200, 399, 500, "400", None])
def test_an_invalid_request_is_400_to_499(invalid):
    assert "invalid must be a status" in refused(replace(contract, invalid=invalid))


@pytest.mark.parametrize(
    ("error_body", "complaint"),
    [
        (lambda error: {"reason": error.kind}, "AttributeError: 'ErrorResponse' object has no"),
        (lambda: {}, "TypeError: "),
        (lambda error: {"reason": object()}, "TypeError: Object of type object is not JSON"),
        (None, "TypeError: 'NoneType' object is not callable"),
        (lambda error: error.text, "error_body must return a dict, and returns "),
        (lambda error: None, "error_body must return a dict, and returns None"),
        (lambda error: {503: 1 / (503 - error.status)}, "ZeroDivisionError: "),
    ],
)
def test_the_error_body_is_json_for_every_phrase(error_body, complaint):
    said = refused(replace(contract, error_body=error_body))
    assert complaint in said
    assert error_body is None or "Error:" not in said or f"({__file__}, line " in said
