"""Bad requests to every endpoint: an error response of its contract.

Never a 500, a page or a redirect.
"""

import codecs
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from tests.conftest import PASSWORD
from tests.contracts.clients import BY_NAME
from tests.contracts.endpoints import LOGOUTS, READING, each, errors_of, problem

pytestmark = pytest.mark.django_db
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
WRONG_TYPES: list[Any] = [
    {},
    {"a": 1},
    [],
    ["alice"],
    1,
    -0.5,
    1e308,
    True,
    False,
    None,
    "",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "a" * 1_000_000,
]
TAKING_JSON = [endpoint for endpoint in READING if endpoint.json]


@pytest.fixture(autouse=True)
def plenty(settings):
    """Raise all limits, so that no request is refused for how often it was sent."""
    settings.LOGIN_RATE_PER_NAME = settings.LOGIN_RATE_PER_ADDRESS = (
        settings.CHALLENGE_REFRESH_RATE
    ) = "1000000/5m"
    settings.LOGIN_RATE_PER_NAME_DAILY = "1000000/1d"


@pytest.fixture
def token(caller, alice) -> str:
    return caller.multipart(
        "/c/form/api/v1/auth/login", username="alice", password=PASSWORD
    ).json()["access_token"]["token"]


@pytest.fixture
def post(caller, token):
    """Send everything with a good access token, for endpoints that check it before the body."""

    def send(path: str, body: bytes, content_type: str = "application/json", **environ: Any) -> Any:
        environ = {"HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_TYPE": content_type, **environ}
        return caller.http.generic("POST", path, body, content_type, **environ)

    return send


def raw(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def bad_json(good: dict[str, str]) -> dict[str, bytes]:
    """Return bodies that are no JSON object in UTF-8, or that can be read in two ways."""
    first, *_ = good
    text = raw(good)
    field = f'{{"{first}": %s}}'
    return {
        "empty": b"",
        "cut": text[:-1],
        "trailing": text + b"{}",
        "word": b"nope",
        "array": b"[" + text + b"]",
        "null": b"null",
        "number": b"5",
        "string": b'"text"',
        "boolean": b"true",
        "single quotes": text.replace(b'"', b"'"),
        "comment": b"{/**/" + text[1:],
        "raw NUL": text[:-2] + b'\0"}',
        "raw newline": text[:-2] + b'\n"}',
        "invalid UTF-8": text[:-2] + b'\xff"}',
        "overlong UTF-8": text[:-2] + b'\xc0\xaf"}',
        "surrogate as UTF-8": text[:-2] + b'\xed\xa0\x80"}',
        "UTF-16 with a mark": codecs.BOM_UTF16_LE + text.decode().encode("utf-16-le"),
        "UTF-16": text.decode().encode("utf-16-be"),
        "UTF-32": text.decode().encode("utf-32"),
        "two byte order marks": codecs.BOM_UTF8 * 2 + text,
        "byte order mark alone": codecs.BOM_UTF8,
        "1 MB": (field % json.dumps("a" * 1_000_000)).encode(),
        "1 MB of a key": raw({"a" * 1_000_000: 1}),
        "depth 900": (field % ("[" * 900 + "]" * 900)).encode(),
        "depth 2,000": (field % ("[" * 2000 + "]" * 2000)).encode(),
        "depth 5,000 of objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        "depth 30,000": b"[" * 30_000,
        "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
        "5,000 digits": (field % ("9" * 5_000)).encode(),
        "5,000 digits alone": b"9" * 5_000,
        "infinite exponent": (field % "1e999").encode(),
        "NaN": (field % "NaN").encode(),
        "Infinity": (field % "-Infinity").encode(),
        "duplicate key": text[:-1] + b", " + text[1:],
        "duplicate key, escaped": text[:-1]
        + f', "\\u{ord(first[0]):04x}{first[1:]}": "x"}}'.encode(),
        "duplicate key inside": text[:-1] + b', "more": {"a": 1, "a": 2}}',
    }


@each(READING)
@pytest.mark.parametrize("content_type", ["application/json", URLENCODED])
def test_bad_json(post, endpoint, content_type):
    answers = {
        name: problem(post(endpoint.path, body, content_type), endpoint.is_error)
        for name, body in bad_json(endpoint.good).items()
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each(READING)
@pytest.mark.parametrize("content_type", ["application/json", URLENCODED])
def test_a_byte_order_mark_is_ignored(post, endpoint, content_type):
    """PowerShell and .NET write one before their JSON.

    A reader may ignore it (RFC 8259, 8.1).
    """
    known = post(endpoint.path, raw(endpoint.good), content_type)
    marked = post(endpoint.path, codecs.BOM_UTF8 + raw(endpoint.good), content_type)
    assert (marked.status_code, marked.json().keys()) == (known.status_code, known.json().keys())


@each(READING)
@pytest.mark.parametrize("content_type", ["application/json", URLENCODED])
def test_fields_of_wrong_types(post, endpoint, content_type):
    answers = {
        f"{field}={value!r:.30}": problem(
            post(endpoint.path, raw(endpoint.good | {field: value}), content_type),
            endpoint.is_error,
        )
        for field in endpoint.good
        for value in WRONG_TYPES
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each(READING)
def test_missing_fields(post, endpoint):
    """Also of a form, of JSON labelled as one, and with other fields than the documented."""
    bodies = [
        raw({name: value for name, value in endpoint.good.items() if name != field})
        for field in endpoint.good
    ]
    answers = [
        problem(post(endpoint.path, body, kind), endpoint.is_error)
        for body in [*bodies, b"{}", b'{"a": 1}', b"a=1", b""]
        for kind in ("application/json", URLENCODED, MULTIPART)
    ]
    assert [wrong for wrong in answers if wrong] == []


@each(TAKING_JSON)
def test_a_token_with_a_genuine_beginning_and_surrogates_behind_it(post, token, endpoint):
    """A header of ours leads to the signature check.

    The rest may be anything that JSON can say.
    """
    header, payload, signature = token.split(".")
    tails = [
        "",
        ".",
        "..",
        ".\ud800.",
        f".{payload}.\ud800",
        f".{payload}.{signature}\udfff",
        f".é.{signature}",
        ".\U0001f600.a",
        f".{payload}",
        f".{payload}.{signature}.x",
    ]
    bodies = [
        raw(
            {
                **dict.fromkeys(endpoint.good, header + tail),
                **({"username": "alice"} if "username" in endpoint.good else {}),
            }
        )
        for tail in tails
    ]
    assert [
        wrong for body in bodies if (wrong := problem(post(endpoint.path, body), endpoint.is_error))
    ] == []


def test_two_equal_deep_values_in_the_keys_that_name_a_contract(post):
    """They are compared, which goes as deep as they do."""
    for depth in range(0, 1200, 60):
        deep = "[" * depth + "]" * depth or "0"
        assert not problem(
            post("/api/v1/auth/refresh", f'{{"token": {deep}, "refresh_token": {deep}}}'.encode()),
            errors_of(BY_NAME["bearer"]),
        )


@each(READING)
def test_wrong_content_types(post, endpoint):
    kinds = [
        ";", "json", "text/plain", "text/html", "application/xml", "application/json-patch+json",
        "application/json/x", "é", "a" * 5_000, "application/octet-stream",
        "application/jsonp; charset=utf-8",
        "multipart/mixed; boundary=x", "text/plain; application/json",
    ]  # fmt: skip
    answers = {kind: post(endpoint.path, raw(endpoint.good), kind) for kind in kinds}
    assert {
        kind: answer.status_code for kind, answer in answers.items() if answer.status_code != 415
    } == {}
    assert [
        wrong for answer in answers.values() if (wrong := problem(answer, endpoint.is_error))
    ] == []


@each(READING)
def test_content_types_with_strange_parameters(post, endpoint):
    """Python knows encodings that are none of text, and raises something else for each of them."""
    parameters = [
        "", "boundary=", "boundary=" + "b" * 100, "boundary=é", "boundary=x; charset=rot13",
        "boundary=x; charset=zip", "boundary=x; charset=idna", "boundary=x; charset=undefined",
        "boundary=x; charset=utf-16", "charset=hex", "charset=unicode_escape",
    ]  # fmt: skip
    body = (
        b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\n\xff\xfe\\u12\r\n--x--\r\n'
    )
    kinds = [
        f"{kind}; {parameter}"
        for parameter in parameters
        for kind in ("multipart/form-data", URLENCODED, "application/json")
    ]
    answers = {
        f"{kind} {sent[:9]!r}": problem(post(endpoint.path, sent, kind), endpoint.is_error)
        for kind in kinds
        for sent in (body, b"username=%ff", b"\xff")
    }
    assert {kind: wrong for kind, wrong in answers.items() if wrong} == {}


@each(READING)
def test_bad_forms(post, endpoint):
    good = urlencode(endpoint.good).encode()
    bodies = {
        "bad percent escapes": good.replace(b"=", b"=%zz%", 1),
        "bad UTF-8 escaped": good.replace(b"=", b"=%ff", 1),
        "surrogate escaped": good.replace(b"=", b"=%ed%a0%80", 1),
        "NUL escaped": good.replace(b"=", b"=%00", 1),
        "raw bytes": good.replace(b"=", b"=\xff\x00", 1),
        "a field twice": good + b"&" + good,
        "10,000 fields": good + b"".join(b"&a%d=1" % count for count in range(4_000)),
        "10,000 empty fields": b"&" * 10_000,
        "10,000 fields of one name": b"a=1&" * 10_000,
        "brackets": good.replace(b"=", b"[]=").replace(b"token", b"token[$ne]"),
        "semicolons": good.replace(b"&", b";") + b";username=alice",
        "no values": good.replace(b"=", b""),
        "1 MB": b"username=" + b"a" * 1_000_000,
    }
    answers = {
        name: problem(post(endpoint.path, body, URLENCODED), endpoint.is_error)
        for name, body in bodies.items()
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


def part(name: str, value: bytes, *headers: str, disposition: str = "") -> bytes:
    lines = [f'Content-Disposition: form-data; name="{name}"{disposition}', *headers]
    return b"--x\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


def file(
    name: str, filename: str, *headers: str, key: str = "filename", content: bytes = b"alice"
) -> bytes:
    return part(name, content, *headers, disposition=f"; {key}={filename}")


@each(READING)
def test_bad_multipart_forms(post, endpoint):
    end = b"--x--\r\n"
    good = b"".join(part(name, value.encode()) for name, value in endpoint.good.items())
    first, *_ = endpoint.good
    bodies = {
        "a file as a field": file(first, '"a.txt"', "Content-Type: text/plain") + good + end,
        "a file beside": good + file("more", '"../../etc/passwd"') + end,
        "a file with an encoded name": good
        + file("more", "utf-8''%ff%00", key="filename*", content=b"") + end,
        "a field twice": good + good + end,
        "no end": part(first, b"alice")[:-4],
        "only a boundary": b"--x",
        "no name": b'--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n',
        "no disposition": b"--x\r\nX: y\r\n\r\na\r\n--x--\r\n",
        "bad UTF-8": part(first, b"\xff\xfe") + end,
        "bad UTF-8 in a name": part(first, b"a").replace(first.encode(), b"\xff") + end,
        "NUL": part(first, b"a\0b") + end,
        "bad base64": part(first, b"a", "Content-Transfer-Encoding: base64") + end,
        "headers without end": b"--x\r\nContent-Disposition: form-data; name=" + b"a" * 60_000,
        "300 fields": b"".join(part(f"f{count}", b"") for count in range(300)) + end,
        "1 MB": part(first, b"a" * 1_000_000) + end,
    }  # fmt: skip
    answers = {
        name: problem(post(endpoint.path, body, MULTIPART), endpoint.is_error)
        for name, body in bodies.items()
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each([*READING, *LOGOUTS])
def test_impossible_content_lengths(post, endpoint):
    """gunicorn refuses most of them; another server may not."""
    lengths = ["-1", "-99999", "abc", "1e3", "1_0", "٣", " ", "0x10", "9" * 12, "9" * 5_000]
    answers = {
        length[:13]: post(
            endpoint.path, raw(endpoint.good), CONTENT_LENGTH=length, HTTP_AUTHORIZATION=""
        )
        for length in lengths
    }
    refused = {
        length: answer
        for length, answer in answers.items()
        if not endpoint.open or answer.status_code != 200
    }
    assert {
        length: wrong
        for length, answer in refused.items()
        if (wrong := problem(answer, endpoint.is_error))
    } == {}


@each(LOGOUTS)
def test_a_logout_reads_no_body(caller, post, token, endpoint):
    """So a bad one does not keep anybody logged in."""
    bodies = [body for body in bad_json({"a": "b"}).values() if len(body) < 60_000]
    anonymous = [
        post(endpoint.path, body, kind, HTTP_AUTHORIZATION="")
        for body in bodies
        for kind in ("application/json", MULTIPART, "")
    ]
    assert {answer.status_code for answer in anonymous} == {200 if endpoint.open else 401}
    assert post(endpoint.path, b"{").status_code == 200
    assert caller.get("/api/auth/validate", token).status_code == 401


FIELDS = [
    "username",
    "password",
    "refresh_token",
    "refreshToken",
    "token",
    "grant_type",
    "expires_in",
    "token_type",
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20),  # surrogates too
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), values, max_size=8)
bounded = with_settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@bounded
@given(
    endpoint=st.sampled_from(READING),
    value=objects | values,
    content_type=st.sampled_from(["application/json", URLENCODED]),
)
def test_arbitrary_json(post, endpoint, value, content_type):
    assert not problem(
        post(endpoint.path, json.dumps(value).encode(), content_type), endpoint.is_error
    )


@bounded
@given(
    endpoint=st.sampled_from(READING),
    beginning=st.sampled_from(
        [
            b"",
            b"{",
            b'{"username": "',
            b"username=alice&password=",
            b"--x\r\n",
            part("username", b"alice") + b"--x\r\n",
        ]
    ),
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["application/json", URLENCODED, MULTIPART]),
)
def test_arbitrary_bytes(post, endpoint, beginning, body, content_type):
    assert not problem(post(endpoint.path, beginning + body, content_type), endpoint.is_error)
