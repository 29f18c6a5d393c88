"""Checks of one contract at start: its lifetimes, phrases and error bodies.

Each mistake would otherwise be a 500 at the first request that meets it.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import timedelta
from itertools import chain
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured

from accounts.api.contract import COMMON_PHRASES, Contract, ErrorResponse
from accounts.api.viewsets import encode
from accounts.policy import Policy
from authsvc.contracts.error_places import describe


def check(contract: Contract) -> None:
    """Stop the start where a contract's policy or wording cannot be served."""
    check_first(contract, chain(_policy_problems(contract.policy), wording_problems(contract)))


def check_first(contract: Contract, problems: Iterable[str]) -> None:
    """Stop the start with the first of ``problems``, if there is one."""
    for problem in problems:
        refuse(contract, problem)


def refuse(contract: Contract, problem: str, cause: BaseException | None = None) -> NoReturn:
    raise ImproperlyConfigured(
        f"CONTRACTS must name contracts that can be served; {contract.name} cannot: {problem}."
    ) from cause


def _policy_problems(policy: Policy) -> Iterator[str]:
    lifetimes = {"access": policy.access}
    lifetimes |= {"refresh": policy.refresh} if policy.refresh is not None else {}
    if policy.session_maximum is not None:
        lifetimes["session_maximum"] = policy.session_maximum
    for field, lifetime in lifetimes.items():
        if not isinstance(lifetime, timedelta) or lifetime <= timedelta(0):
            yield f"{field} must be a timedelta of more than nothing, and is {lifetime!r}"
    if not isinstance(policy.accepts_refresh_from, Set):
        yield f"accepts_refresh_from must be a set, and is {policy.accepts_refresh_from!r}"
    if policy.rotates and policy.refresh is None:
        yield "it rotates refresh tokens, and gives out none: refresh is None"


def wording_problems(contract: Contract) -> Iterator[str]:
    """Return what is wrong with the phrases, ``invalid`` and the error body of a contract."""
    if not isinstance(contract.phrases, Mapping):
        yield f"phrases must be a dict, and is {contract.phrases!r}"
    for refusal, response in contract.phrases.items():
        yield from _phrase_problems(refusal, response)
    if not isinstance(contract.invalid, int) or contract.invalid not in range(400, 500):
        yield f"invalid must be a status from 400 to 499, and is {contract.invalid!r}"
    invalid = ErrorResponse(contract.invalid, "This field is required.")
    responses = (*contract.phrases.values(), *COMMON_PHRASES.values(), invalid)
    for response in dict.fromkeys(responses):
        yield from _error_body_problems(contract, response)


def _phrase_problems(refusal: Any, response: Any) -> Iterator[str]:
    if not isinstance(refusal, type) or not issubclass(refusal, BaseException):
        yield f"the keys of phrases must be exception classes, and one is {refusal!r}"
    if not _is_error(response):
        name = getattr(refusal, "__name__", refusal)
        yield (
            f"the phrase for {name} must be an ErrorResponse with a status from 400 to 599 and a "
            f"text, and is {response!r}"
        )


def _is_error(response: Any) -> bool:
    return (
        isinstance(response, ErrorResponse)
        and isinstance(response.status, int)
        and response.status in range(400, 600)
        and isinstance(response.text, str)
        and bool(response.text)
        and isinstance(response.code, str)
    )


def _error_body_problems(contract: Contract, response: ErrorResponse) -> Iterator[str]:
    code = getattr(contract.error_body, "__code__", None)
    place = (code.co_filename, code.co_firstlineno) if code else ("", 0)
    try:
        body: Any = contract.error_body(response)
        encode(body)
    except Exception as error:
        yield f"error_body fails at {response}: {describe(error, *place)}"
    else:
        if not isinstance(body, dict):
            yield f"error_body must return a dict, and returns {body!r} for {response}"
