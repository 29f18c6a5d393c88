"""The request context: opened for each request and command, and never invented where none is."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts import request_context
from accounts.audit import audit_log
from accounts.models import AuditEvent
from accounts.request_context import NoRequestContext, RequestContext
from authsvc.logs import RequestContextFilter
from tests.concurrency import run_elsewhere


def outside(call):
    """Return what ``call`` returns in a thread of its own, in which no context is open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def test_code_outside_of_every_request_and_command_is_refused():
    with pytest.raises(NoRequestContext, match=r"request_context\.use"):
        outside(request_context.current)


def test_an_event_that_nobody_can_attribute_is_not_recorded():
    with pytest.raises(NoRequestContext):
        outside(lambda: audit_log.event(audit_log.Kind.LOGIN))


def test_contexts_nest_and_end_with_their_block():
    outer, inner = RequestContext(request_id="outer"), RequestContext(request_id="inner")
    with request_context.use(outer):
        with request_context.use(inner):
            assert request_context.current() is inner
        assert request_context.current() is outer


def test_a_context_ends_with_its_block_when_that_fails():
    def fail():
        with pytest.raises(ZeroDivisionError), request_context.use(RequestContext()):
            1 / 0  # noqa: B018 (it raises)
        return request_context.current_or_none()

    assert outside(fail) is None


@pytest.mark.parametrize(
    ("context", "logged"),
    [(None, ("-", "")), (RequestContext(request_id="r1", contract="form"), ("r1", "form"))],
)
def test_a_line_is_logged_with_or_without_a_context(context, logged):
    record = logging.makeLogRecord({})

    def log():
        if context is None:
            return RequestContextFilter().filter(record)
        with request_context.use(context):
            return RequestContextFilter().filter(record)

    assert outside(log)
    assert (vars(record)["request_id"], vars(record)["contract"]) == logged


RECORDED = """
from accounts.audit import audit_log
from accounts.models import User
audit_log.record(audit_log.Kind.LOGOUT, user=User.objects.get())
"""


@pytest.mark.django_db(transaction=True)
def test_the_shell_opens_an_empty_context(alice, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "authsvc.settings")
    run_elsewhere("manage.py", "shell", "-v", "0", "-c", RECORDED)
    event = AuditEvent.objects.get(kind=audit_log.Kind.LOGOUT)
    assert (event.user, event.address, event.request_id) == (alice, None, "")
