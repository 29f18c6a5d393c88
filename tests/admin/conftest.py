"""Olga is a super admin and Stan an admin; they are signed in, or sign in with a browser."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import User
from tests.admin.request_reports import PAGE
from tests.admin.sign_ins import INDEX, sign_in
from tests.audit_events import add_event
from tests.conftest import PASSWORD
from tests.pages.conftest import chromium, visit

__all__ = ["chromium", "visit"]


@pytest.fixture
def stan(db):
    return User.objects.create_user("stan", PASSWORD, is_staff=True)


@pytest.fixture
def as_olga(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture
def as_stan(client, stan):
    client.force_login(stan)
    return client


@pytest.fixture
def enter(visit, olga):
    """Somebody is where they want to go, with the session of a sign-in that was sent before."""

    def enter(path="/admin/", username="olga", **options):
        client = Client()
        assert sign_in(client, username)["Location"] == INDEX
        browser = visit(**options)
        browser.take_session(client)
        browser.open(path)
        return browser

    return enter


@pytest.fixture
def carol(db):
    """A user who is invited, and has chosen no password yet."""
    return User.objects.create_user("carol", None, email="carol@example.com")


@pytest.fixture
def explain(as_stan):
    def explain(answer):
        request_id = answer if isinstance(answer, str) else answer["X-Request-ID"]
        page = as_stan.get(PAGE, {"id": request_id})
        assert page.status_code == 200, request_id
        return page

    return explain


@pytest.fixture
def a_day(alice, bob, olga):
    """Events of yesterday, from the morning on, one each minute; the time of the first."""
    start = now().replace(microsecond=0) - timedelta(days=1)
    events = (
        ("login", "alice", "192.0.2.7", "bearer", {"user_id": alice.pk, "request_id": "first"}),
        (
            "login_failed",
            "Bob@Example.com",
            "192.0.2.8",
            "form",
            {"user_id": bob.pk, "reason": "wrong_password"},
        ),
        ("login_failed", "alcie", "2001:db8::7", "form", {"reason": "no_such_account"}),
        (
            "throttled",
            "alice",
            "198.51.100.9",
            "camel",
            {"reason": "guesses_by_name", "data": {"limit": 10, "seconds": 300}},
        ),
        (
            "deactivated",
            "bob",
            "10.0.0.1",
            "admin",
            {"user_id": bob.pk, "actor_id": olga.pk, "note": "he left"},
        ),
    )
    for minutes, (kind, name, address, contract, more) in enumerate(events):
        at = start + timedelta(minutes=minutes)
        add_event(kind, name=name, address=address, contract=contract, at=at, **more)
    return start
