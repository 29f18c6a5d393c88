"""Request ids: a trusted proxy's own if it is well formed, never one that a stranger chose."""

import re

import pytest

from accounts.models import AuditEvent

pytestmark = pytest.mark.django_db
OURS = re.compile(r"[0-9a-f]{16}")
FORGED = ["trace-1", "a" * 65, "", " ", "a b", "é", "a\x1b[31m", "${jndi:x}", "../etc", "a;b"]


def sign_in_with(caller, given):
    return caller.json(
        "/v1/login", {"username": "nobody", "password": "wrong"}, **{"X-Request-ID": given}
    )["X-Request-ID"]


@pytest.mark.parametrize("given", FORGED)
def test_a_request_id_from_a_client_is_not_used(caller, given):
    """Otherwise they could hide their requests under the id of another request."""
    answered = sign_in_with(caller, given)
    assert answered != given
    assert OURS.fullmatch(answered)
    assert AuditEvent.objects.get().request_id == answered


def test_each_request_has_an_id_of_its_own(caller):
    assert len({sign_in_with(caller, "trace-1") for _ in range(5)}) == 5


def test_the_id_of_a_trusted_proxy_is_kept(caller, settings):
    settings.TRUSTED_PROXIES = 1
    assert sign_in_with(caller, "Root_1-67891233.abcdef") == "Root_1-67891233.abcdef"
    assert AuditEvent.objects.get().request_id == "Root_1-67891233.abcdef"


@pytest.mark.parametrize("given", FORGED[1:])
def test_a_proxy_that_passes_on_what_is_no_id_is_not_believed(caller, settings, given):
    settings.TRUSTED_PROXIES = 1
    answered = sign_in_with(caller, given)
    assert OURS.fullmatch(answered)
    assert AuditEvent.objects.get().request_id == answered
