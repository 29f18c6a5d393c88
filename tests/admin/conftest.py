"""Olga is a super admin and Stan an admin; they are signed in, or sign in with a browser."""

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.sign_ins import INDEX, sign_in
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
