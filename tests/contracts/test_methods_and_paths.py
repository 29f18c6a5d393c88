"""Other methods, and paths that no document names.

Each is an error response of its contract: no redirect and no page.
"""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import PASSWORD
from tests.contracts.endpoints import GETS, LOGOUTS, MOUNTS, READING, each, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(caller, alice) -> str:
    return caller.multipart(
        "/c/form/api/v1/auth/login", username="alice", password=PASSWORD
    ).json()["access_token"]["token"]


@each([*READING, *LOGOUTS, *GETS])
def test_other_methods(caller, token, endpoint):
    allowed = {"GET", "HEAD"} if endpoint in GETS else {endpoint.method}
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - allowed:
        answer = caller.http.generic(
            method, endpoint.path, b"", "application/json", HTTP_AUTHORIZATION=f"Bearer {token}"
        )
        assert (answer.status_code, allowed <= names(answer["Allow"])) == (405, True)
        assert answer.content == b"" if method == "HEAD" else not problem(answer, endpoint.is_error)


def names(allow: str) -> set[str]:
    return {name.strip() for name in allow.split(",")}


@each([*READING, *LOGOUTS, *GETS])
def test_options(caller, token, endpoint):
    answer = caller.http.options(endpoint.path, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.content, answer.headers.get("Content-Type")) == (
        204,
        b"",
        None,
    )
    assert ({"GET", "HEAD"} if endpoint in GETS else {endpoint.method}) <= names(answer["Allow"])


@each(GETS)
def test_head_is_get_without_its_body(caller, token, endpoint):
    got, head = (
        caller.get(endpoint.path, token),
        caller.http.head(endpoint.path, headers={"Authorization": f"Bearer {token}"}),
    )
    assert (head.status_code, head.content) == (200, b"")
    assert {*got.headers} - {*head.headers} <= {"Content-Length"}


@each([*READING, *LOGOUTS, *GETS])
def test_a_slash_at_the_end_changes_nothing(caller, endpoint):
    def ask(path: str) -> Any:
        if endpoint in GETS:
            return caller.get(path)
        send = caller.json if endpoint.json else caller.form
        body: Any = endpoint.good if endpoint.json else json.dumps(endpoint.good)
        return send(path, body, method=endpoint.method)

    plain, slash = ask(endpoint.path), ask(f"{endpoint.path}/")
    assert (slash.status_code, slash.content) == (plain.status_code, plain.content)
    assert "Location" not in slash.headers


STRANGE = [
    "", "/", "//", "/nothing", "/nothing/", "/login/x", "/login%00", "/login%0A", "/%0A",
    "/a%0Ab", "/%0D%0ASet-Cookie:%20a=b", "/%C2%85", "/%E2%80%A8x", "/%FF%FE", "/%ED%A0%80",
    "/..%2f..%2fadmin", "/../admin", "/%2e%2e/", "/%5C", "/\U0001f600", "/" + "a" * 5_000,
    "/;a=b", "/%25s%25d{0}", "/<script>", "/login.json", "/LOGIN", "/\x1b[31m", "/%E2%80%AEx",
    "/login//",
]  # fmt: skip


@pytest.mark.parametrize("mount", MOUNTS)
def test_paths_that_no_document_names(caller, mount):
    answers = {
        f"{method} {path[:20]}": caller.http.generic(
            method, mount + quote(path, safe="/%;={}"), b"{}", "application/json"
        )
        for path in STRANGE
        for method in ("GET", "POST", "DELETE", "OPTIONS")
    }
    assert {
        path: answer.status_code for path, answer in answers.items() if answer.status_code != 404
    } == {}
    assert {
        path: wrong for path, answer in answers.items() if (wrong := problem(answer, MOUNTS[mount]))
    } == {}


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_host_that_is_not_ours_gets_no_page(caller, mount):
    """Contract endpoints build nothing from the Host header.

    One that refused a host would have to do it with an error of its contract.
    """
    for host in ("evil.example", "localhost:99999", "[::1", "a b", "<script>", "x" * 2_000):
        answer = caller.http.post(
            f"{mount}/nothing",
            b"{}",
            content_type="application/json",
            headers={"Host": host, "X-Forwarded-Host": host},
        )
        assert not problem(answer, MOUNTS[mount])
