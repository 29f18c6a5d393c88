"""Requests that a proxy sends with a Host or an Origin that is not this service's."""

import pytest
from django.core.cache import cache
from django.test import Client

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def first_of_its_minute():
    cache.clear()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "not known under this address"),
        ("de", "nicht bekannt"),
        ("fr", "pas connu à cette adresse"),
    ],
)
def test_a_host_that_is_not_allowed_is_named_in_the_log_once_a_minute(caplog, language, text):
    for path in ("/forgot", "/admin/login/"):
        answer = Client().get(
            path, headers={"Host": "10.0.0.7:8000", "Accept": HTML, "Accept-Language": language}
        )
        assert answer.status_code == 400
        assert text in answer.content.decode()
    (line,) = [record.getMessage() for record in caplog.records if "Host" in record.getMessage()]
    assert line.startswith(
        "Host '10.0.0.7:8000' is refused: it is not in ALLOWED_HOSTS, nor the host of PUBLIC_URL, "
        "http://testserver."
    )


def test_a_malformed_host_is_escaped_in_the_log(caplog):
    Client().get("/forgot", headers={"Host": "evil\n2026 INFO all is well" + "x" * 500})
    (line,) = [record.getMessage() for record in caplog.records if "Host" in record.getMessage()]
    assert "Host 'evil\\n2026" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "a proxy in front"), ("de", "Ein Proxy davor"), ("fr", "un proxy placé devant")],
)
def test_a_form_whose_origin_a_proxy_makes_foreign_says_so_to_its_reader_and_in_the_log(
    caplog, language, text
):
    headers = {
        "Origin": "https://auth.example.com",
        "Host": "testserver",
        "Accept": HTML,
        "Accept-Language": language,
    }
    answer = Client(enforce_csrf_checks=True).post(
        "/forgot", {"identifier": "alice"}, headers=headers
    )
    assert answer.status_code == 403
    assert text in answer.content.decode()
    (line,) = [record.getMessage() for record in caplog.records if "Origin" in record.getMessage()]
    assert line.startswith(
        "A form from Origin 'https://auth.example.com' with Host 'testserver' is refused: "
    )
    assert "PUBLIC_URL, http://testserver" in line


def test_a_form_that_was_open_for_too_long_is_not_in_the_log(caplog):
    answer = Client(enforce_csrf_checks=True).post(
        "/forgot", {"identifier": "alice"}, headers={"Origin": "http://testserver"}
    )
    assert answer.status_code == 403
    assert not [record for record in caplog.records if "Origin" in record.getMessage()]
