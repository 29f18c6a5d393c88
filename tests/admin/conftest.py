"""Olga is a super admin and Stan an admin; they are signed in, or sign in with a browser."""

import pytest

from accounts.models import User
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
    """Somebody has signed in with a browser, and is where they wanted to go."""

    def enter(path="/admin/", username="olga", **options):
        browser = visit(**options)
        browser.open(f"/admin/login/?next={path}")
        browser.page.fill("#id_username", username)
        browser.page.fill("#id_password", PASSWORD)
        browser.page.click("[type=submit]")
        browser.page.wait_for_url(f"**{path}")
        return browser

    return enter


@pytest.fixture
def carol(db):
    """A user who is invited, and has chosen no password yet."""
    return User.objects.create_user("carol", None, email="carol@example.com")
