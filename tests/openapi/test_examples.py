"""Examples of the documents, sent as they are printed, but for tokens and codes, which are real."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from accounts import password_reset
from accounts.models import User
from apikeys.models import ProviderCredential
from authsvc.contracts import BUILT_IN
from tests.contracts.clients import ALONE
from tests.openapi.described import Document, document

pytestmark = pytest.mark.django_db

KEPT = Path(__file__).parents[2] / "docs" / "openapi"
PASSWORD = "correct horse battery"
PRINTED_USERS = {  # where the document prints a login
    "bearer": ("admin", "secure-password"),
    "challenge": ("admin", "j8BDWYrQwDF5u4Yu"),
    "envelope": ("john", "securePassword123"),
}
# Requests that a document does not print.
LOGIN = {"username": "john", "password": PASSWORD}
UNPRINTED = {
    ("camel", "login"): LOGIN,
    ("camel", "refresh"): {"refreshToken": ""},
    ("camel", "create_key"): {"name": "My Integration Key"},
    ("form", "login"): LOGIN,
    ("form", "token"): LOGIN,
}
# Fields that are not in the examples of the documents of camel and of envelope.
ADDED = {': "refreshToken" is a required property'} | {
    f'user: "{name}" is a required property'
    for name in (
        *("organization", "aws_region", "is_active"),
        *("created_at", "updated_at", "last_login"),
    )
}


class Example(NamedTuple):
    """An operation with an example of its request, of its response, or of both."""

    contract: str
    name: str
    path: str
    method: str
    operation: dict[str, Any]
    media_type: str  # of the request, if it has a body

    def __str__(self) -> str:
        return f"{self.contract}-{self.name}-{self.media_type.rpartition('/')[2]}"

    @property
    def printed(self) -> dict[str, Any]:
        """Return the fields of the printed request."""
        content = self.operation.get("requestBody", {}).get("content", {})
        examples = content.get(self.media_type, {}).get("examples", {})
        default = UNPRINTED.get((self.contract, self.name), {})
        return {**examples.get("document", {"value": default})["value"]}

    @property
    def status(self) -> int:
        return min(int(status) for status in self.operation["responses"])


def replayed() -> Iterator[Example]:
    for contract in BUILT_IN:
        paths = json.loads((KEPT / f"{contract}.json").read_text())["paths"]
        for path, operations in paths.items():
            for method, operation in operations.items():
                if "examples" in json.dumps(parts_of_success(operation)):
                    for media_type in operation.get("requestBody", {}).get("content", [""]):
                        name = operation["operationId"]
                        yield Example(contract, name, path, method, operation, media_type)


def parts_of_success(operation: dict[str, Any]) -> list[Any]:
    succeeding = {key: value for key, value in operation["responses"].items() if key < "300"}
    return [operation.get("requestBody"), succeeding]


class World:
    """An account, and the secrets that an example needs."""

    def __init__(self, caller: Any, example: Example) -> None:
        self.caller, self.example = caller, example
        self.client = next(each for each in ALONE if each.name == example.contract)
        name, self.password = PRINTED_USERS.get(example.contract, ("john", PASSWORD))
        self.user = User.objects.create_user(
            name, self.password, email=f"{name}@example.com", is_staff=True
        )

    def tokens(self) -> tuple[str, str]:
        answer = self.client.log_in(self.caller, self.user.username, self.password)
        return self.client.tokens_in(answer.json())

    def challenge(self) -> str:
        User.objects.filter(pk=self.user.pk).update(must_change_password=True)
        answer = self.client.log_in(self.caller, self.user.username, self.password)
        return str(answer.json()["session"])

    def secrets(self) -> dict[str, str]:
        """Return what stands where the example has something made up, by the field's name."""
        name = self.example.name
        if name in ("reset_password", "validate_reset_token"):
            return {"token": password_reset.make(self.user).token}
        if name == "forgot_password_confirm":
            return {"confirmation_code": password_reset.make(self.user).code}
        if name == "new_password_required":
            return {"session": self.challenge()}
        access, refresh = self.tokens()
        self.caller.http.defaults["HTTP_AUTHORIZATION"] = f"Bearer {access}"
        renewing = "token" if self.example.contract == "form" else "refresh_token"
        return {renewing: refresh, "refreshToken": refresh, "access_token": access}

    def store_credentials(self) -> None:
        for provider in ("aws", "nvidia"):
            stored = ProviderCredential(provider=provider, key_id="AKIAIOSFODNN7EXAMPLE")
            stored.region = "eu-north-1"
            stored.encrypt_secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
            stored.save()


@pytest.mark.parametrize("example", [*replayed()], ids=str)
def test_an_example_is_answered_as_its_document_says(caller, example):
    """The client of the tests compares the answer with the document."""
    world = World(caller, example)
    world.store_credentials()
    secrets = world.secrets()
    sent = {key: secrets.get(key, value) for key, value in example.printed.items()}
    path = example.path.format(email="john@example.com", **secrets)
    answer = caller.http.generic(
        example.method.upper(),
        f"/c/{example.contract}{path}",
        *encoded(sent, example.media_type),
    )
    assert (answer.status_code, answer.content) == (example.status, answer.content)
    assert request_errors(document(example.contract), example, sent) == []


def encoded(fields: dict[str, Any], media_type: str) -> tuple[str, str]:
    if not media_type or media_type == "application/json":
        return json.dumps(fields) if media_type else "", media_type
    if media_type == "application/x-www-form-urlencoded":
        return urlencode(fields), media_type
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join([*parts, "--x--\r\n"]), f"{media_type}; boundary=x"


def request_errors(document: Document, example: Example, fields: dict[str, Any]) -> list[str]:
    """Return what is wrong with a request, whose unknown fields are ignored."""
    content = example.operation.get("requestBody", {}).get("content", {})
    schema = content.get(example.media_type, {}).get("schema", {})
    return document.errors(schema, fields, open=True)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_printed_example_fits_its_schema(name):
    """Some strings that documents print are no ids and no times; and some responses have more."""
    described = document(name)
    wrong = {
        place: errors
        for place, each in media_types({**described.paths, **described.components})
        for example in each.get("examples", {}).values()
        if (errors := example_errors(described, each["schema"], example["value"]))
    }
    assert wrong == {}


def example_errors(document: Document, schema: dict[str, Any], example: Any) -> list[str]:
    errors = document.errors(schema, example, open=True, formats=False)
    return [each for each in errors if each not in ADDED]


def media_types(part: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the media type objects of a part of a document, wherever they are."""
    if not isinstance(part, dict):
        return
    for key, value in part.items():
        if key == "content":
            yield from ((f"{place} {name}", each) for name, each in value.items())
        else:
            yield from media_types(value, f"{place} {key}")
