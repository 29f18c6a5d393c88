"""Bad forms, types and lengths to every endpoint: an error response of its contract."""

from urllib.parse import urlencode

import pytest

from tests.contracts.bad_input.bodies import MULTIPART, URLENCODED, bad_json, file, part, raw
from tests.contracts.endpoints import LOGOUTS, READING, each, problem

pytestmark = pytest.mark.django_db


@each(READING)
def test_wrong_content_types(send, endpoint):
    kinds = [
        ";", "json", "text/plain", "text/html", "application/xml", "application/json-patch+json",
        "application/json/x", "é", "a" * 5_000, "application/octet-stream",
        "application/jsonp; charset=utf-8",
        "multipart/mixed; boundary=x", "text/plain; application/json",
    ]  # fmt: skip
    answers = {kind: send(endpoint, raw(endpoint.good), kind) for kind in kinds}
    assert {
        kind: answer.status_code for kind, answer in answers.items() if answer.status_code != 415
    } == {}
    assert [
        wrong for answer in answers.values() if (wrong := problem(answer, endpoint.is_error))
    ] == []


@each(READING)
def test_content_types_with_strange_parameters(send, endpoint):
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
        f"{kind} {sent[:9]!r}": problem(send(endpoint, sent, kind), endpoint.is_error)
        for kind in kinds
        for sent in (body, b"username=%ff", b"\xff")
    }
    assert {kind: wrong for kind, wrong in answers.items() if wrong} == {}


@each(READING)
def test_bad_forms(send, endpoint):
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
        name: problem(send(endpoint, body, URLENCODED), endpoint.is_error)
        for name, body in bodies.items()
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each(READING)
def test_bad_multipart_forms(send, endpoint):
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
        name: problem(send(endpoint, body, MULTIPART), endpoint.is_error)
        for name, body in bodies.items()
    }
    assert {name: wrong for name, wrong in answers.items() if wrong} == {}


@each([*READING, *LOGOUTS])
def test_impossible_content_lengths(send, endpoint):
    """gunicorn refuses most of them; another server may not."""
    lengths = ["-1", "-99999", "abc", "1e3", "1_0", "٣", " ", "0x10", "9" * 12, "9" * 5_000]
    answers = {
        length[:13]: send(
            endpoint, raw(endpoint.good), CONTENT_LENGTH=length, HTTP_AUTHORIZATION=""
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
def test_a_logout_reads_no_body(caller, send, token, endpoint):
    """A malformed body does not keep its sender logged in."""
    bodies = [body for body in bad_json({"a": "b"}).values() if len(body) < 60_000]
    anonymous = [
        send(endpoint, body, kind, HTTP_AUTHORIZATION="")
        for body in bodies
        for kind in ("application/json", MULTIPART, "")
    ]
    assert {answer.status_code for answer in anonymous} == {200 if endpoint.open else 401}
    assert send(endpoint, b"{").status_code == 200
    assert caller.get("/api/auth/validate", token).status_code == 401
