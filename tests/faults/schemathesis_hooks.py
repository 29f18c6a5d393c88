"""Hooks of Schemathesis: it logs in as Alice, and goes on with the tokens that it gets.

It runs in a process of its own, ``SCHEMATHESIS_HOOKS``, beside no other module of the tests. What
it generates would never be a password or a token: in most requests the real ones stand instead.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import schemathesis

PASSWORD = "correct horse battery"
TOKENS = ("refresh_token", "refreshToken", "access_token", "token", "session", "keyId")

coin = random.Random(12)
known: dict[str, str] = {
    "username": "alice",
    "user_name": "alice",
    "password": PASSWORD,
    "pass_word": PASSWORD,
    "previous_password": PASSWORD,
    "proposed_password": PASSWORD,  # after another, all logins would fail
}
bearer: list[str] = []


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Link each operation that answers with tokens to those that take one."""
    operations = [each for path in raw_schema["paths"].values() for each in path.values()]
    takers = [each for each in operations if each.get("security") or "requestBody" in each]
    links = {each["operationId"]: {"operationId": each["operationId"]} for each in takers}
    for operation in operations:
        if issues_tokens(raw_schema, operation):
            operation["responses"]["200"]["links"] = links


def issues_tokens(document: dict[str, Any], operation: dict[str, Any]) -> bool:
    response = json.dumps(operation["responses"].get("200", {}).get("content", {}))
    schemas = document["components"]["schemas"]
    return any(
        {"token", "access_token"} & schema.get("properties", {}).keys()
        for name, schema in schemas.items()
        if f'schemas/{name}"' in response
    )


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put real names, passwords and tokens into two of three requests."""
    if coin.random() < 1 / 3:
        return
    if isinstance(case.body, dict):
        case.body |= {name: known[name] for name in case.body if name in known}
        if case.path.endswith("/refresh") and "token" in case.body:
            case.body["token"] = known.get("refresh_token", "")
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known.get("keyId", case.path_parameters[name])
    if bearer and case.operation.definition.raw.get("security"):
        case.headers["Authorization"] = f"Bearer {bearer[-1]}"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember the tokens of a response."""
    if response.status_code in (200, 201) and response.content:
        for name, value in texts(json.loads(response.content)):
            if name in TOKENS:
                known[name] = value
            if name in ("access_token", "token") and value.count(".") == 2:
                bearer.append(value)


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of a response, each with its name; one in ``token`` with that around it."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts(each, name if key == "token" and name else key)
