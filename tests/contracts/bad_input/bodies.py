"""Bodies of requests that no endpoint reads."""

import codecs
import json
from typing import Any

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


def raw(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def bad_json(good: dict[str, str]) -> dict[str, bytes]:
    """Return bodies that are no JSON object in UTF-8, or that can be read in two ways."""
    first, *_ = good
    text = raw(good)
    return {
        **malformed_json(text),
        **misencoded_json(text),
        **excessive_json(f'{{"{first}": %s}}'),
        "duplicate key": text[:-1] + b", " + text[1:],
        "duplicate key, escaped": text[:-1]
        + f', "\\u{ord(first[0]):04x}{first[1:]}": "x"}}'.encode(),
        "duplicate key inside": text[:-1] + b', "more": {"a": 1, "a": 2}}',
    }


def malformed_json(text: bytes) -> dict[str, bytes]:
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
    }


def misencoded_json(text: bytes) -> dict[str, bytes]:
    return {
        "invalid UTF-8": text[:-2] + b'\xff"}',
        "overlong UTF-8": text[:-2] + b'\xc0\xaf"}',
        "surrogate as UTF-8": text[:-2] + b'\xed\xa0\x80"}',
        "UTF-16 with a mark": codecs.BOM_UTF16_LE + text.decode().encode("utf-16-le"),
        "UTF-16": text.decode().encode("utf-16-be"),
        "UTF-32": text.decode().encode("utf-32"),
        "two byte order marks": codecs.BOM_UTF8 * 2 + text,
        "byte order mark alone": codecs.BOM_UTF8,
    }


def excessive_json(field: str) -> dict[str, bytes]:
    """Return texts of great length and depth, and of numbers that no reader has."""
    return {
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
    }


def part(name: str, value: bytes, *headers: str, disposition: str = "") -> bytes:
    lines = [f'Content-Disposition: form-data; name="{name}"{disposition}', *headers]
    return b"--x\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + value + b"\r\n"


def file(
    name: str, filename: str, *headers: str, key: str = "filename", content: bytes = b"alice"
) -> bytes:
    return part(name, content, *headers, disposition=f"; {key}={filename}")
