"""Arbitrary bodies to every endpoint: never a 500, a page or a redirect."""

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from tests.contracts.bad_input.bodies import MULTIPART, URLENCODED, part
from tests.contracts.endpoints import READING, problem

pytestmark = pytest.mark.django_db


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
def test_arbitrary_json(send, endpoint, value, content_type):
    assert not problem(send(endpoint, json.dumps(value).encode(), content_type), endpoint.is_error)


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
def test_arbitrary_bytes(send, endpoint, beginning, body, content_type):
    assert not problem(send(endpoint, beginning + body, content_type), endpoint.is_error)
