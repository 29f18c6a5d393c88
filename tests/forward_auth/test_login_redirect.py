"""Browsers without a session, which a proxy sends to the login page that it names."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest

pytestmark = pytest.mark.django_db

LOGIN = "https://app.example/login"
PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
FORWARDED = {
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "orders.example",
    "X_Forwarded_Uri": "/orders?page=2&sort=a%20b",
    "X_Forwarded_For": "192.0.2.7",
}


@pytest.fixture(autouse=True)
def deployment(settings):
    settings.TRUSTED_PROXIES = 1
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example", "http://localhost:3000"]


def url(login):
    return f"/auth/forward?login={quote(login, safe='')}"


def to(answer):
    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.headers["Location"]


@pytest.mark.parametrize(("method", "credential"), [("GET", ""), ("HEAD", "Bearer x.y.z")])
def test_a_browser_is_sent_to_the_login_page_and_told_the_way_back(ask, method, credential):
    """Headers of the proxy count before its own request and ``uri``."""
    headers = PAGE | FORWARDED | {"Authorization": credential, "Host": "inside.example"}
    location = urlsplit(to(ask(f"{url(LOGIN)}&uri=/inside", method, **headers)))
    assert location._replace(query="").geturl() == LOGIN
    assert parse_qs(location.query) == {"next": ["https://orders.example/orders?page=2&sort=a%20b"]}


def test_a_login_page_with_a_query_keeps_it(ask):
    location = to(ask(url("http://localhost:3000/in?x=1&y=/"), **PAGE, **FORWARDED))
    assert location.startswith("http://localhost:3000/in?x=1&y=/&next=https%3A%2F%2Forders.")


def test_the_login_page_need_not_be_encoded(ask):
    assert to(ask(f"/auth/forward?login={LOGIN}", **PAGE)) == LOGIN


def test_the_case_of_its_host_does_not_matter(ask):
    assert to(ask(url("https://App.Example/In"), **PAGE)) == "https://App.Example/In"


def test_behind_envoy_the_way_back_is_in_uri(ask):
    forwarded = {"X_Forwarded_Proto": "https", "Host": "orders.example"}
    location = to(ask(f"{url(LOGIN)}&uri=/orders?page=2&uri=x", **PAGE, **forwarded))
    assert location == f"{LOGIN}?next={quote('https://orders.example/orders?page=2&uri=x', '')}"


def test_without_a_trusted_proxy_nobody_says_the_way_back(ask, settings):
    settings.TRUSTED_PROXIES = 0
    assert to(ask(url(LOGIN), **PAGE, **FORWARDED)) == LOGIN


@pytest.mark.parametrize(
    "forged",
    [
        {"X_Forwarded_Proto": "javascript"},
        {"X_Forwarded_Proto": "https, http"},
        {"X_Forwarded_Host": "orders.example@evil.example"},
        {"X_Forwarded_Host": "orders.example, evil.example"},
        {"X_Forwarded_Host": "evil.example\\.orders.example"},
        {"X_Forwarded_Host": "ord\u0435rs.example".encode().decode("latin-1")},
        {"X_Forwarded_Host": "orders.example/x"},
        {"X_Forwarded_Uri": "@evil.example"},
        {"X_Forwarded_Uri": "/a\tb"},
        {"X_Forwarded_Uri": "/" + "a" * 3000},
    ],
)
def test_a_garbled_way_back_is_left_out(ask, forged):
    assert to(ask(url(LOGIN), **PAGE, **(FORWARDED | forged))) == LOGIN


@pytest.mark.parametrize(
    "login",
    [
        "https://evil.example/login",
        "https://app.example.evil.example/",
        "https://app.example:8443/",
        "http://app.example/",
        "https://app.example@evil.example/",
        "https://evil.example\\@app.example/",
        "https://app.example\\.evil.example/",
        "https:/\\app.example/",
        "//app.example/login",
        "/login",
        "app.example/login",
        "javascript:alert(1)//https://app.example/",
        "https://\u0430pp.example/login",
        "https://app.example/l\u00f6gin",
        "https://app\u3002example/",
        "https://app.example/\r\nSet-Cookie: a=b",
        "https://app.example/#fragment",
        "https://app.example/a b",
        "https://app.example/%zz",
        " https://app.example/",
        "https://app.example/\n",
        "",
    ],
)
def test_a_login_page_of_nobody_we_know_is_no_redirect(ask, login):
    answer = ask(url(login), **PAGE, **FORWARDED)
    assert (answer.status, answer.json()) == (401, {"detail": "Authentication required"})


def test_an_operator_reads_in_the_log_that_nobody_is_redirected(ask, caplog):
    for _ in range(3):
        ask(url("https://evil.example/"), **PAGE)
    assert caplog.text.count("login must be an address of one of CORS_ALLOWED_ORIGINS") == 1


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "*/*"}),
        ("GET", {}),
        ("POST", PAGE),
        ("GET", {**PAGE, "X_Forwarded_Method": "POST"}),
    ],
)
def test_scripts_and_forms_get_401(ask, method, headers):
    """A form would be lost on the way, and a script would take the login page for an answer."""
    assert ask(url(LOGIN), method, **headers).status == 401


def test_a_signed_in_user_is_not_redirected(ask, token):
    assert ask(url("https://evil.example/"), Authorization=token, **PAGE).status == 200
    assert ask(f"{url(LOGIN)}&role=admin", Authorization=token, **PAGE).status == 403
