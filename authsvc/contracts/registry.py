"""Registry of contracts: those that come with authsvc, and those that CONTRACTS names beside them.

``load()`` is called when Django starts. Whatever is wrong with a contract stops the start with
``ImproperlyConfigured`` and one sentence.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from itertools import permutations
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern

from accounts import policy
from accounts.api.contract import Contract
from accounts.request_context import ADMIN
from apikeys.audit_codes import KEYS_PAGE
from authsvc import paths
from authsvc.contracts import (
    BUILT_IN,
    contract_checks,
    introspection,
    revocation,
    shared_paths,
)
from authsvc.contracts.error_places import describe
from authsvc.forward_auth import NAME as FORWARD_AUTH

MAX_NAME_LENGTH = 20  # as the column ``contract`` of sessions, events and mails has it
NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
MOUNT = re.compile(r"(?!\.\.?(/|$))[\w.~-]+(/(?!\.\.?(/|$))[\w.~-]+)*", re.ASCII)
# In place of a contract in the audit log, for requests that no contract answers.
ENDPOINTS = (introspection.contract, revocation.contract)
RESERVED_NAMES = {ADMIN, KEYS_PAGE, FORWARD_AUTH, *(endpoint.name for endpoint in ENDPOINTS)}


class Registered(NamedTuple):
    """A contract, and the function of its module that returns its paths below its mount."""

    contract: Contract
    urls: Callable[[Contract], list[URLPattern]]


def load() -> None:
    """Import all contracts, and make them known to the core and to whatever reads paths."""
    served = served_names()
    for each in registered():
        policy.register(each.contract.policy, served=each.contract.name in served)
    for endpoint in ENDPOINTS:
        policy.register(endpoint.policy, served=False)
    paths.add_api_prefixes(prefix(each.contract) for each in registered())


@cache
def registered() -> tuple[Registered, ...]:
    """Return every contract, also those that are switched off."""
    return find(settings.CONTRACTS)


def find(references: Iterable[str]) -> tuple[Registered, ...]:
    """Return our contracts, and those that ``references`` name as ``module:attribute``."""
    found = [_find(f"authsvc.contracts.{name}:contract") for name in BUILT_IN]
    found += [_find(reference) for reference in references if reference not in BUILT_IN]
    _check([each.contract for each in found])
    return tuple(found)


def served_names() -> frozenset[str]:
    """Return the names of the contracts that CONTRACTS switches on."""
    others = {each.contract.name for each in registered()[len(BUILT_IN) :]}
    return frozenset(settings.CONTRACTS) & set(BUILT_IN) | others


def served() -> list[Contract]:
    """Return the contracts that CONTRACTS switches on."""
    names = served_names()
    return [contract for contract, _ in registered() if contract.name in names]


def with_password_grant() -> Contract | None:
    """Return the first contract that is switched on and has the password grant of OAuth 2.0."""
    return next((contract for contract in served() if contract.token_endpoint), None)


def prefix(contract: Contract) -> str:
    """Return the first part of a contract's paths: below it everything is for programs."""
    return f"/{contract.mount.partition('/')[0]}/"


def _find(reference: str) -> Registered:
    """Return the contract at ``module:attribute``, and its module's function ``urls``."""
    name, colon, attribute = reference.partition(":")
    if not colon or not name.strip("."):
        raise ImproperlyConfigured(
            f"CONTRACTS must be names out of {', '.join(BUILT_IN)}, or the module:attribute of a "
            f"contract of your own; {reference} is none of them."
        )
    module = _import(name, reference)
    if attribute and not hasattr(module, attribute):
        raise ImproperlyConfigured(
            f"CONTRACTS must name contracts; {reference} is none: {name} has no attribute "
            f"{attribute}."
        )
    contract, urls = getattr(module, attribute, None), getattr(module, "urls", None)
    if not isinstance(contract, Contract):
        raise ImproperlyConfigured(
            f"CONTRACTS must name contracts; {reference} is no accounts.api.contract.Contract."
        )
    if not callable(urls):
        raise ImproperlyConfigured(
            f"CONTRACTS must name contracts with paths; {name} has no function urls."
        )
    return Registered(contract, urls)


def _import(name: str, reference: str) -> Any:
    try:
        return import_module(name)
    except ImproperlyConfigured:  # a variable of the environment, in a sentence of its own
        raise
    except (Exception, SystemExit) as error:
        raise ImproperlyConfigured(
            f"CONTRACTS must name contracts that can be imported; {reference} cannot: "
            f"{describe(error)}."
        ) from error


def _check(contracts: Sequence[Contract]) -> None:
    """Refuse contracts that could not be told from one another or from paths of authsvc."""
    for contract in contracts:
        _check_name(contract)
        _check_mount(contract)
        contract_checks.check(contract)
    _check_unique("name", [contract.name for contract in contracts])
    _check_unique("mount", [each.mount for each in _one_for_each_mount(contracts)])
    _check_nesting(_one_for_each_mount(contracts))
    _check_accepted(contracts)


def _one_for_each_mount(contracts: Sequence[Contract]) -> list[Contract]:
    """Return the contracts, and one in place of those that share their paths."""
    first, *others = shared_paths.JOINED
    return [first, *(each for each in contracts if each not in (first, *others))]


def _check_name(contract: Contract) -> None:
    name = getattr(contract.policy, "name", None)
    if (
        not isinstance(name, str)
        or not NAME.fullmatch(name)
        or len(name) > MAX_NAME_LENGTH
        or name in RESERVED_NAMES
    ):
        raise ImproperlyConfigured(
            f"CONTRACTS must name contracts whose name is of at most {MAX_NAME_LENGTH} small "
            f"letters, digits and _, and not {', '.join(sorted(RESERVED_NAMES))}; {name!r} is not."
        )


def _check_mount(contract: Contract) -> None:
    if not isinstance(contract.mount, str) or not MOUNT.fullmatch(contract.mount):
        raise ImproperlyConfigured(
            f"CONTRACTS must name contracts with a mount such as auth/v2, of letters, digits and "
            f". _ ~ - between single slashes, without slashes at its ends; {contract.mount!r} of "
            f"{contract.name} is none."
        )


def _check_nesting(contracts: Sequence[Contract]) -> None:
    """Refuse a mount below another contract's, which would answer in its place."""
    for outer, inner in permutations(contracts, 2):
        if inner.mount.startswith(f"{outer.mount}/"):
            raise ImproperlyConfigured(
                f"CONTRACTS must name contracts with a mount of their own; {inner.mount} of "
                f"{inner.name} is below {outer.mount} of {outer.name}."
            )


def _check_accepted(contracts: Sequence[Contract]) -> None:
    known = {contract.name for contract in contracts}
    for contract in contracts:
        if unknown := set(contract.policy.accepts_refresh_from) - known:
            contract_checks.refuse(
                contract,
                "accepts_refresh_from must name contracts, and "
                f"{', '.join(sorted(map(str, unknown)))} is none",
            )


def _check_unique(what: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ImproperlyConfigured(
                f"CONTRACTS must name contracts that differ; two have the {what} {value}."
            )
        seen.add(value)
