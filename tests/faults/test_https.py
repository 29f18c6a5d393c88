"""Behind a proxy that speaks https to the world, as PUBLIC_URL says."""

from contextlib import closing

import pytest

from tests.faults.servers import FORM, Answer, Server

PAGES, PROGRAMS = ("/forgot", "/login", "/admin/login/", "/static/accounts/pages.css"), ("/api/v1/auth/me", "/v1/nothing", "/healthz")


@pytest.fixture(scope="module")
def secure(address):
    """Its own gunicorn, on the database that all share."""
    with Server(address, PUBLIC_URL="https://auth.example.com", TRUSTED_PROXIES="1") as server:
        server.start()
        yield server


def ask(server: Server, path: str, scheme: str, body: str | None = None) -> Answer:
    headers = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": "198.51.100.7", "Content-Type": FORM}
    with closing(server.connect()) as connection:
        connection.request("POST" if body else "GET", path, body, headers)
        return server.receive(connection)


@pytest.mark.parametrize("path", [*PAGES, *PROGRAMS])
def test_pages_and_api_tell_browsers_to_keep_to_https_for_a_year(secure, path):
    answer = ask(secure, path, "https")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("path", [*PAGES, *PROGRAMS])
def test_without_https_nothing_says_so_and_only_pages_are_redirected(secure, path):
    answer = ask(secure, path, "http")
    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers.get("Location") == (f"https://auth.example.com{path}" if path in PAGES else None)


def test_the_cookie_of_form_is_secure_there(secure, user):
    for mount in ("/api/v1/auth", "/c/form/api/v1/auth"):
        cookie = ask(secure, f"{mount}/login", "https", f"username={user}&password=correct+horse+battery").headers["Set-Cookie"]
        attributes = {part.partition("=")[0].strip().lower() for part in cookie.split(";")[1:]}
        assert attributes == {"httponly", "secure", "samesite", "path", "max-age", "expires"}
