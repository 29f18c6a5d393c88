"""The service behind a proxy that serves https, as PUBLIC_URL says."""

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import closing, suppress
from itertools import product

import pytest

from tests.faults.http_client import FORM, Answer
from tests.faults.processes import PROJECT, end, free_port
from tests.faults.servers import Server

PAGES, PROGRAMS = (
    ("/forgot", "/login", "/admin/login/", "/static/accounts/pages.css"),
    ("/api/v1/auth/me", "/v1/nothing", "/healthz"),
)


@pytest.fixture(scope="module")
def secure(address):
    """Start a gunicorn of its own on the shared database."""
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
    assert answer.headers.get("Location") == (
        f"https://auth.example.com{path}" if path in PAGES else None
    )


NGINX_PROGRAM = shutil.which("nginx")
BROWSER = {"Host": "auth.example.com", "X-Forwarded-For": "198.51.100.7", "Accept": "text/html"}


@pytest.mark.parametrize(
    ("proxies", "asked", "named"),
    [
        ("1", [{}], "X-Forwarded-Proto is missing"),
        (
            "1",
            [{"X-Forwarded-Proto": "http", "Sec-Fetch-Mode": "navigate"}],
            "X-Forwarded-Proto is not https",
        ),
        ("0", [{"X-Forwarded-Proto": "https"}, {}], "TRUSTED_PROXIES is 0"),
    ],
)
def test_a_proxy_that_does_not_tell_of_https_is_answered_in_words_and_never_redirected(
    address, proxies, asked, named
):
    with Server(
        address, PUBLIC_URL="https://auth.example.com", TRUSTED_PROXIES=proxies, WEB_CONCURRENCY="1"
    ) as server:
        server.start()
        for headers, path in product(asked, PAGES):
            with closing(server.connect()) as connection:
                connection.request("GET", path, headers=BROWSER | headers)
                answer = server.receive(connection)
            assert (answer.status, answer.headers.get("Location")) == (503, None)
            assert named in answer.content.decode()
        assert server.call("/healthz").status == 200
        assert server.log.read_text().count(named) == 1


NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@pytest.fixture
def proxied(running, tmp_path):
    """Start nginx with the server block of docs/proxy.md, a port and a certificate of its own."""
    port = free_port()
    certificate = [
        "-keyout",
        tmp_path / "key",
        "-out",
        tmp_path / "certificate",
        "-subj",
        "/CN=auth.example.org",
    ]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *certificate],
        check=True,
        capture_output=True,
    )
    block = (PROJECT / "docs" / "proxy.md").read_text().split("```nginx\n")[1].split("```")[0]
    with Server(
        running.database, PUBLIC_URL=f"https://auth.example.org:{port}", TRUSTED_PROXIES="1"
    ) as server:
        server.start()
        for documented, here in {
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/ssl/auth.example.org.key": str(tmp_path / "key"),
            "/etc/ssl/auth.example.org.pem": str(tmp_path / "certificate"),
            "127.0.0.1:8000": f"127.0.0.1:{server.port}",
        }.items():
            assert documented in block
            block = block.replace(documented, here)
        (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, server=block))
        proxy = subprocess.Popen(
            [str(NGINX_PROGRAM), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
        )
        try:
            wait_for(port)
            yield server, port
        finally:
            end(proxy)


@pytest.mark.skipif(not NGINX_PROGRAM, reason="nginx is not installed")
def test_the_documented_proxy_shows_pages_and_takes_their_forms(proxied):
    server, port = proxied
    name = f"auth.example.org:{port}"
    browser = http.client.HTTPSConnection(
        "127.0.0.1",
        port,
        context=ssl._create_unverified_context(),  # noqa: S323 (its own certificate)
    )
    with closing(browser):
        browser.request(
            "GET",
            "/forgot",
            headers={"Host": name, "Accept": "text/html", "Sec-Fetch-Mode": "navigate"},
        )
        page = server.receive(browser)
        assert (page.status, "Strict-Transport-Security" in page.headers) == (200, True)
        (token,) = re.findall(r'csrfmiddlewaretoken" value="([^"]+)"', page.content.decode())
        headers = {
            "Host": name,
            "Origin": f"https://{name}",
            "Cookie": page.headers["Set-Cookie"].split(";")[0],
            "Content-Type": FORM,
        }
        browser.request(
            "POST", "/forgot", f"csrfmiddlewaretoken={token}&identifier=nobody", headers
        )
        answer = server.receive(browser)
    assert (answer.status, answer.headers.get("Location")) == (302, "/forgot/sent")
    assert "X-Forwarded" not in server.log.read_text()


def wait_for(port: int) -> None:
    """Wait until something listens on the port."""
    deadline = time.monotonic() + 15
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_cookie_of_form_is_secure_there(secure, user):
    for mount in ("/api/v1/auth", "/c/form/api/v1/auth"):
        cookie = ask(
            secure, f"{mount}/login", "https", f"username={user}&password=correct+horse+battery"
        ).headers["Set-Cookie"]
        attributes = {part.partition("=")[0].strip().lower() for part in cookie.split(";")[1:]}
        assert attributes == {"httponly", "secure", "samesite", "path", "max-age", "expires"}
