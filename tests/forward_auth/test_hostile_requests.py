"""Requests that no good proxy sends: 200, 401 or 403 and nothing else."""

from io import BytesIO

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.django_db

HOSTILE: dict[str, dict[str, object]] = {
    "path with bytes": {"PATH_INFO": "/auth/forward/\xff\xfe\xc3("},
    "path with two slashes": {"PATH_INFO": "//auth/forward"},
    "path up": {"PATH_INFO": "/auth/forward/../../admin/accounts/user/import/"},
    "path of an upload": {"PATH_INFO": "/auth/forward/admin/accounts/user/import/"},
    "path in lines": {"PATH_INFO": "/auth/forward/\r\nX: y\x00\x1b[2J"},
    "path that is long": {"PATH_INFO": "/auth/forward/" + "a/" * 4000},
    "query of bytes": {
        "PATH_INFO": "/auth/forward/",
        "QUERY_STRING": "\xff=%&%zz&;=" + "&a" * 5000,
    },
    "host": {"HTTP_HOST": "evil.example:x\x00"},
    "no host": {"HTTP_HOST": "", "SERVER_NAME": ""},
    "method": {"REQUEST_METHOD": "ß" * 100},
    "content type": {"CONTENT_TYPE": "text/plain; charset*=nonsense''x"},
    "charset": {"CONTENT_TYPE": "text/plain; charset=\x00"},
    "length": {"CONTENT_LENGTH": "-1e9"},
    "length of terabytes": {"CONTENT_LENGTH": "9" * 13},
    "chunks": {"HTTP_TRANSFER_ENCODING": "gzip, chunked", "wsgi.input_terminated": True},
    "script": {"SCRIPT_NAME": "/\xff"},
    "http where https is due": {"wsgi.url_scheme": "http", "HTTP_X_FORWARDED_PROTO": "http"},
    "forwarded": {"HTTP_X_FORWARDED_FOR": "nobody, \xff", "HTTP_X_REQUEST_ID": "a\r\nb"},
    "preflight": {
        "REQUEST_METHOD": "OPTIONS",
        "HTTP_ORIGIN": "https://app.example",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    },
    "cookies": {"HTTP_COOKIE": "authsvc_session=x; \xff=\x00;;;=" + "a" * 9000},
    "languages": {"HTTP_ACCEPT_LANGUAGE": "\xff;q=x," * 900, "HTTP_USER_AGENT": "\x00\xff" * 900},
}


class Unsent(BytesIO):
    """A body that was announced and never comes."""

    def read(self, *arguments):
        raise AssertionError("a thread would wait for it")

    readline = read


@pytest.fixture
def behind_a_proxy(settings):
    settings.TRUSTED_PROXIES = 1
    settings.SECURE_SSL_REDIRECT = True
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("behind_a_proxy")
def test_a_hostile_request_is_answered_like_any_other(ask, token, name):
    """Otherwise a client could make the proxy answer with an error, or with another page."""
    for headers, status in (({"Authorization": token}, 200), ({}, 401)):
        environ = RequestFactory().generic("POST", "/auth/forward", headers=headers).environ
        answer = ask.send({**environ, "wsgi.input": Unsent(b"x"), **HOSTILE[name]})
        assert answer.status == status
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.usefixtures("behind_a_proxy")
def test_a_server_that_passes_on_no_text_lets_nobody_pass(ask, token, caplog):
    environ = RequestFactory().get("/auth/forward", headers={"Authorization": token}).environ
    answer = ask.send({**environ, "HTTP_X_FORWARDED_FOR": b"192.0.2.7"})
    assert (answer.status, answer.json()) == (403, {"detail": "Internal server error"})
    assert "could not be answered" in caplog.text


HEADERS = (
    *("QUERY_STRING", "HTTP_AUTHORIZATION", "HTTP_X_API_KEY", "HTTP_ACCEPT", "HTTP_HOST"),
    *("HTTP_X_FORWARDED_URI", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_FOR"),
    *("CONTENT_TYPE", "CONTENT_LENGTH", "REQUEST_METHOD"),
)
SENT = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=60)


@given(
    values=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(HEADERS, SENT),
    ),
    bearer=st.booleans(),
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@pytest.mark.usefixtures("behind_a_proxy")
def test_no_request_passes_without_a_credential(ask, values, bearer):
    environ = RequestFactory().get("/auth/forward/below").environ | values
    if bearer and "HTTP_AUTHORIZATION" in values:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {values['HTTP_AUTHORIZATION']}"
    assert ask.send(environ).status in (401, 403)
