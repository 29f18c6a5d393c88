"""nginx, Caddy, Traefik and Envoy as docs/clients/forward-auth configures them."""

import http.client
import json
import re
import shutil
import socket
import tempfile
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.databases import HERE
from tests.faults import proxies
from tests.faults.databases import database
from tests.faults.servers import Server

NAMES = ("User", "Name", "Email", "Role", "Scopes", "Session")
# CGI and WSGI take an underscore for the hyphen; PHP takes a dot, too.
SPELLINGS = [f"X{first}Auth{second}{name}" for name in NAMES for first in "-_." for second in "-_."]
# Named in Connection, of which proxies remove what it names (RFC 9110, 7.6.1).
REMOVED = ", ".join([*(f"x-Auth-{name}" for name in NAMES), "X-Client-Address"])
FORGED = {
    **dict.fromkeys(SPELLINGS, "forged"),
    **dict.fromkeys(["x-auth-user", "x_auth-user", "X_AUTH_ROLE", "X-AUTH_ROLE"], "forged"),
    "Connection": REMOVED,
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Uri": "/evil",
    "X-Forwarded-Method": "GET",
    "X-Client-Address": "203.0.113.9",
}
JSON = "application/json"
UPGRADE = {
    "Connection": f"Upgrade, {REMOVED}",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
CLIENTS = ["127.0.0.1", "127.0.0.9"]  # for the first, Envoy gives its own address by itself
H2C = ["h2c", "H2C", "h2c\r\nUpgrade: websocket", "websocket\r\nUpgrade: h2c"]
H2C += ["websocket, h2c", "h2c, websocket", "\r\nUpgrade: h2c"]


@pytest.fixture(scope="module")
def authsvc(template):
    more = {
        "WEB_CONCURRENCY": "1",
        "TRUSTED_PROXIES": "1",
        "CORS_ALLOWED_ORIGINS": "https://app.example",
    }
    with database(copy_of=template.address) as address, Server(address, **more) as made:
        made.new_users = list(template.users)
        made.secrets.add(template.admin_password)
        made.start()
        yield made


@pytest.fixture(scope="module")
def program():
    with proxies.program() as port:
        yield port


@pytest.fixture(scope="module", params=list(proxies.ARGUMENTS))
def proxy(request, authsvc, program):
    """Start a proxy once for all tests of it; return its port."""
    folder = Path(tempfile.mkdtemp(dir=HERE))
    with proxies.start(request.param, folder, authsvc.port, program) as port:
        yield port
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def user(authsvc):
    return authsvc.new_user()


@pytest.fixture(scope="module")
def token(authsvc, user):
    return {"Authorization": f"Bearer {authsvc.log_in(user)['access']}"}


def ask(
    port, method="GET", path="/orders?page=2&role=editor", body=None, client=CLIENTS[0], **headers
):
    """Send a request that also claims to be another user."""
    given = FORGED | {name.replace("_", "-"): value for name, value in headers.items()}
    made = http.client.HTTPConnection("127.0.0.1", port, 15, source_address=(client, 0))
    with closing(made) as connection:
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def passed(answer):
    """Return the request as it reached the program."""
    status, _, said = answer
    assert status == 200, said
    return json.loads(said)


def who(headers):
    """Return X-Auth-* as PHP takes them, by name, without the empty ones; none is forged."""
    assert not [name for name, value in headers if "forged" in value]
    folded = [(re.sub(r"[-_.]", "-", name).lower(), value) for name, value in headers]
    named = [(name[7:], value) for name, value in folded if name.startswith("x-auth-") and value]
    assert len(named) == len(dict(named))
    return dict(named)


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PROPFIND"])
def test_a_good_token_passes(proxy, authsvc, token, user, method):
    reached = passed(ask(proxy, method, **token))
    assert (reached["method"], reached["path"]) == (method, "/orders?page=2&role=editor")
    found = who(reached["headers"])
    assert (len(found.pop("user")), len(found.pop("session"))) == (36, 36)
    assert found == {"name": user, "role": "user", "scopes": "session"}


@pytest.mark.parametrize(
    "body",
    [b"two of them", b"x" * 500_000, [b"two ", b"of them"]],
    ids=["small", "large", "in chunks"],
)
def test_a_post_arrives_whole(proxy, token, body):
    reached = passed(ask(proxy, "POST", body=body, **token))
    assert reached["body"].encode() == b"".join([body] if isinstance(body, bytes) else body)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_passes_without_a_good_token(proxy, authsvc, user, method):
    ended = authsvc.log_in(user)["access"]
    assert authsvc.call("/api/auth/logout", {}, ended).status == 200
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": f"Bearer {ended}"}):
        status, answered, said = ask(proxy, method, body=b"two of them", **headers)
        assert (status, answered["WWW-Authenticate"], b"headers" in said) == (401, "Bearer", False)
        assert (answered["Content-Type"], len(answered["X-Request-ID"])) == (JSON, 16)
        assert json.loads(said)["detail"]


@pytest.mark.parametrize("path", ["//", "/a/../../healthz", "/%zz", "/" + "a" * 3000, "/?role=x"])
def test_no_path_leads_past_the_proxy(proxy, path):
    status, _, said = ask(proxy, path=path)
    assert (status in (400, 401), b"headers" in said) == (True, False)


def test_an_api_key_passes_and_was_used_by_the_client(proxy, authsvc, user):
    """The networks are those of X-Forwarded-For: without the header they would be unknown.

    One client does not name X-Client-Address in Connection, so that its forged one is not removed.
    """
    access = authsvc.log_in(user)["access"]
    made = authsvc.call("/api/v1/auth/keys", {}, access).json()
    key = made["apiKey"]
    authsvc.secrets.add(key)
    sent = ({"X-API-Key": key, "Connection": "close"}, {"Authorization": f"Bearer {key}"})
    for client, headers in zip(CLIENTS, sent, strict=True):
        found = who(passed(ask(proxy, client=client, **headers))["headers"])
        assert (found["name"], found["scopes"]) == (user, "profile")
        assert "session" not in found
    assert networks(authsvc, made["keyId"].removeprefix("key_")) == CLIENTS


def test_a_key_that_may_only_introspect_is_forbidden_in_json(proxy, authsvc, user):
    access = authsvc.log_in(user)["access"]
    made = authsvc.call("/api/v1/auth/keys", {}, access).json()
    authsvc.secrets.add(made["apiKey"])
    authsvc.query(
        "UPDATE apikeys_apikey SET scope = 'introspect', granted_at = CURRENT_TIMESTAMP "  # noqa: S608
        f"WHERE id = '{made['keyId'].removeprefix('key_')}' RETURNING id"
    )
    status, answered, said = ask(proxy, **{"X-API-Key": made["apiKey"]})
    assert (status, answered["Content-Type"], len(answered["X-Request-ID"])) == (403, JSON, 16)
    assert json.loads(said)["detail"] in ("Missing scope: profile", "Forbidden")  # nginx's own


def networks(authsvc, key):
    """Return the networks that a key was used from, which are written about a second later."""
    statement = f"SELECT network FROM apikeys_knownaddress WHERE key_id = '{key}'"  # noqa: S608
    deadline = time.monotonic() + 15
    while len(found := authsvc.query(statement)) < len(CLIENTS):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return sorted(network for (network,) in found)


def test_a_browser_is_sent_to_the_login_page_and_back(proxy, request):
    """nginx's auth_request knows no redirect; its 401 stays as it is."""
    status, headers, _ = ask(proxy, Accept="text/html")
    if "nginx" in request.node.name:
        assert status == 401
        return
    location = urlsplit(headers["Location"])
    assert (status, location._replace(query="").geturl()) == (302, proxies.LOGIN)
    back = f"http://127.0.0.1:{proxy}/orders?page=2&role=editor"
    assert parse_qs(location.query) == {"next": [back]}


def test_a_websocket_opens_for_whoever_has_a_token(proxy, token, user):
    head, connection = upgrade(proxy, token)
    with connection:
        assert head.startswith("HTTP/1.1 101 ")
        assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # RFC 6455, 1.3
        found = who(reached_headers(head, connection))
        assert (found["name"], found["role"]) == (user, "user")
        connection.sendall(b"\x81\x04ping")
        assert connection.recv(100) == b"\x81\x04ping"


def test_no_websocket_opens_for_anybody_else(proxy):
    head, connection = upgrade(proxy, {})
    connection.close()
    assert head.startswith("HTTP/1.1 401 ")


@pytest.mark.parametrize("asked", H2C)
def test_nothing_but_a_websocket_is_tunnelled(proxy, token, asked):
    """Over h2c (RFC 7540, 3.2), a client would send requests that no proxy looks at."""
    h2c = {"Upgrade": asked, "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"}
    head, connection = upgrade(proxy, token | h2c)
    with connection:
        reached = reached_headers(head, connection)
        asked_of_program = [value for name, value in reached if name.lower() == "upgrade"]
        assert asked_of_program in ([], ["websocket"])


def reached_headers(head, connection):
    """Return the headers that reached the program; none if the proxy refused the request."""
    if head.startswith("HTTP/1.1 101 "):
        (line,) = (line for line in head.splitlines() if line.lower().startswith("x-reached"))
        return json.loads(line.partition(": ")[2])
    if not head.startswith("HTTP/1.1 200 "):
        assert head.startswith("HTTP/1.1 4"), head
        return []
    received = b""
    while not received.endswith(b"}"):
        more = connection.recv(65536)
        assert more, received
        received += more
    return json.loads(received)["headers"]


def upgrade(port, headers):
    """Ask for a WebSocket; return the head of the answer and the connection."""
    connection = socket.create_connection(("127.0.0.1", port), 15)
    lines = [f"{name}: {value}" for name, value in (FORGED | UPGRADE | headers).items()]
    head = "\r\n".join(["GET /live HTTP/1.1", "Host: localhost", *lines])
    connection.sendall(f"{head}\r\n\r\n".encode())
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(1)
        assert more, received
        received += more
    return received.decode(), connection
