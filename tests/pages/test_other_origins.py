"""Scripts on pages of other origins: what CORS allows them, in Chromium and by headers."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.faults.databases import database
from tests.faults.http_client import FORM, PASSWORD, Answer
from tests.faults.servers import Server

HEADERS = {"authorization", "x-api-key", "x-request-id", "x-requested-with", "content-type"}
SIGN_IN_AND_OUT = """async ([mount, username, password]) => {
  const method = "POST", credentials = "include"
  const body = new URLSearchParams({username, password})
  const login = await fetch(mount + "/login", {method, credentials, body})
  const {refresh_token, access_token} = await login.json()
  const issued = await (await fetch(mount + "/token", {method, body})).json()
  const headers = {Authorization: "Bearer " + issued.access_token}
  const out = await fetch(mount + "/logout", {method, credentials, headers})
  const ended = {Authorization: "Bearer " + access_token.token, "X-Requested-With": "script"}
  const dead = await fetch(mount + "/me", {headers: ended})
  const id = login.headers.get("X-Request-ID")
  return {id, out: await out.json(), dead: dead.status, says: await dead.json()}
}"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Serve pages on two other origins, of which one is allowed."""
    folder = tmp_path_factory.mktemp("sites")
    (folder / "index.html").write_text("<title>A page</title>")
    servers = [
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        for _ in range(2)
    ]
    for server in servers:
        Thread(target=server.serve_forever, daemon=True).start()
    yield {
        name: f"http://localhost:{server.server_port}"
        for name, server in zip(("app", "evil"), servers, strict=True)
    }
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def service(template, sites) -> Iterator[Server]:
    more = {
        "CORS_ALLOWED_ORIGINS": sites["app"],
        "EMAILS_ENABLED": "false",
        "FORGOT_RATE_PER_ADDRESS": "1/1h",
    }
    with database(copy_of=template.address) as address, Server(address, **more) as server:
        server.new_users = list(template.users)
        server.start()
        yield server


def ask(service: Server, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(service.connect()) as connection:
        connection.request(method, path, body, named)
        return service.receive(connection)


def preflight(service: Server, path: str, origin: str) -> Answer:
    wanted = "authorization,content-type,x-api-key"
    return ask(
        service,
        "OPTIONS",
        path,
        Origin=origin,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers=wanted,
    )  # fmt: skip


def allowed(answer: Answer) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("Access-Control-Allow")
    }


@pytest.mark.parametrize("mount", ["/api/v1/auth", "/c/form/api/v1/auth"])
def test_a_script_of_an_allowed_origin_uses_the_cookie_of_form(chromium, service, sites, mount):
    """The cookie at logout ends the session of its login, which is not that of the bearer token."""
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(sites["app"])
        seen = page.evaluate(
            SIGN_IN_AND_OUT,
            [f"http://localhost:{service.port}{mount}", service.new_user(), PASSWORD],
        )
        assert (seen["out"], seen["dead"]) == ({"message": "Logged out successfully."}, 401)
        assert seen["says"]["detail"] == "Invalid or expired token"
        assert len(seen["id"]) == 16
        assert context.cookies() == []


def test_a_script_of_another_origin_reads_nothing(chromium, service, sites):
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.goto(sites["evil"])
        with pytest.raises(Exception, match="Failed to fetch"):
            page.evaluate(
                SIGN_IN_AND_OUT,
                [f"http://localhost:{service.port}/api/v1/auth", service.new_user(), PASSWORD],
            )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/auth/keys",
        "/v1/login",
        "/api/auth/validate",
        "/c/form/api/v1/auth/refresh",
        "//v1/login",
    ],
)
def test_preflights(service, sites, path):
    answer = preflight(service, path, sites["app"])
    headers = answer.headers
    assert (answer.status, answer.content, headers.get("Content-Type")) == (200, b"", None)
    assert (
        headers["Access-Control-Allow-Origin"],
        headers["Access-Control-Allow-Credentials"],
    ) == (sites["app"], "true")
    assert {name.strip() for name in headers["Access-Control-Allow-Headers"].split(",")} == HEADERS
    assert {"GET", "POST", "DELETE"} <= {
        name.strip() for name in headers["Access-Control-Allow-Methods"].split(",")
    }
    assert (headers["Access-Control-Max-Age"], headers["Vary"].lower()) == ("7200", "origin")


@pytest.mark.parametrize(
    "path",
    [
        "/admin/login/",
        "/login",
        "/forgot",
        "/introspect",
        "/oauth2/revoke",
        "/healthz",
        "/",
        "/admin/jsi18n/",
        "/admin/v1/",
    ],
)
def test_pages_and_the_admin_are_open_to_no_origin(service, sites, path):
    for answer in (
        preflight(service, path, sites["app"]),
        ask(service, "GET", path, Origin=sites["app"]),
    ):
        assert allowed(answer) == {}


@pytest.mark.parametrize(
    "origin", ["evil", "null", "https://evil.example", "prefix", "suffix", "scheme"]
)
def test_no_other_origin_is_reflected(service, sites, origin):
    app = sites["app"]
    strange = {
        "prefix": f"{app}.evil.example",
        "suffix": f"{app}0",
        "scheme": app.replace("http", "https"),
        "evil": sites["evil"],
    }
    given = strange.get(origin, origin)
    for answer in (
        preflight(service, "/v1/login", given),
        ask(service, "GET", "/api/v1/auth/me", Origin=given),
    ):
        assert allowed(answer) == {}
        assert answer.headers["Vary"].lower() == "origin"


def test_refusals_can_be_read_too(service, sites):
    """Without these headers, a script sees a network error in place of any response."""
    forgot, login = ("/v1/forgot-password", '{"username": "alice"}'), "/v1/login"
    asked = (
        ask(service, "POST", *forgot, Origin=sites["app"], Content_Type="application/json")
        for _ in range(3)
    )
    answers = {
        401: ask(service, "GET", "/api/v1/auth/me", Origin=sites["app"]),
        404: ask(service, "GET", "/v1/nothing", Origin=sites["app"]),
        405: ask(service, "GET", login, Origin=sites["app"]),
        413: ask(service, "POST", login, "x" * 70_000, Origin=sites["app"]),
        415: ask(service, "POST", login, "x", Origin=sites["app"], Content_Type="text/plain"),
        422: ask(service, "POST", login, "x", Origin=sites["app"], Content_Type=FORM),
        **{answer.status: answer for answer in asked},  # each of two workers counts for itself
    }
    assert (
        {answer.status for answer in answers.values()}
        == answers.keys()
        == {401, 404, 405, 413, 415, 422, 429, 503}
    )
    for answer in answers.values():
        assert (
            answer.headers["Access-Control-Allow-Origin"],
            answer.headers["Access-Control-Allow-Credentials"],
        ) == (sites["app"], "true")
        assert {
            name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")
        } == {"X-Request-ID", "Retry-After"}
    assert int(answers[429].headers["Retry-After"]) > 0


def test_the_public_keys_are_for_everybody_and_no_credentials(service, sites):
    answer = ask(service, "GET", "/.well-known/jwks.json", Origin=sites["evil"])
    assert allowed(answer) == {"Access-Control-Allow-Origin": "*"}
