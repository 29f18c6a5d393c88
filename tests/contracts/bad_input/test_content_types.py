"""Content types at which Django's request raises, before a view is called."""

import json

import pytest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.test import RequestFactory
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsvc.server.content_types import UNKNOWN, ContentTypeMiddleware, is_readable
from tests.contracts.endpoints import READING, each

UNREADABLE = [
    "application/json; charset*=nonsense''x",
    "application/json; a*0*=nonsense''x; a*1=y",
    "multipart/form-data; boundary*=utf-99''x",
    "application/json; charset=\x00",
    "application/x-www-form-urlencoded; charset=hex",
    "application/json; charset=undefined",
    "application/json; charset=utf-16",
    "application/json; charset=idna",
    "application/json; charset=cp037",
]


@pytest.fixture(scope="module")
def application():
    return ContentTypeMiddleware(WSGIHandler())


def send(application, path, content_type, method="POST"):
    said = []
    request = RequestFactory().generic(method, f"{path}?page=%ff", b"{}", "text/plain")
    response = application(
        request.environ | {"CONTENT_TYPE": content_type}, lambda *line: said.extend(line)
    )
    return int(said[0].split()[0]), b"".join(response)


@pytest.mark.django_db
@each(READING)
def test_a_type_that_django_cannot_read_is_415(application, endpoint):
    for content_type in UNREADABLE:
        status, body = send(application, endpoint.path, content_type, endpoint.method)
        assert status in (401, 415), content_type  # 401 where a token is asked for first
        assert endpoint.is_error(json.loads(body), status)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/forgot", "/nothing"])
def test_a_page_has_no_fault_either(application, path):
    for content_type in UNREADABLE:
        assert send(application, path, content_type)[0] in (403, 404)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json;charset=utf-8",
        'application/json; charset="ISO-8859-1"',
        "application/json; charset=utf8mb4",
        "application/json; charset*=utf-8''utf-8",
        "multipart/form-data; boundary=x",
        "application/json;",
    ],
)
def test_a_type_that_clients_send_stays_as_it_is(content_type):
    passed = ContentTypeMiddleware(lambda environ, start: [environ["CONTENT_TYPE"]])
    assert passed({"CONTENT_TYPE": content_type}, None) == [content_type]


PARAMETERS = st.text("charset*0'\"=;utf-816hexLTI\x00\xe9% \\", max_size=40)


@given(PARAMETERS)
@example("charset=uu")
@example("charset=idna")
@example("charset*0*=''; charset*1*=%zz")
@settings(max_examples=300, deadline=None)
def test_a_type_that_is_said_to_be_readable_is_read(parameters):
    content_type = f"application/json; {parameters}"
    passed = content_type if is_readable(content_type) else UNKNOWN
    request = RequestFactory().post("/?a=%20&b=%ff", b"{}", content_type="x")
    request = WSGIRequest(request.environ | {"CONTENT_TYPE": passed})
    assert request.GET["a"] == " "
