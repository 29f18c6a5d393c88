"""Permissions in the admin site: every page beside Django's own, for every role.

The table names all pages, or the first test fails.
"""

from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


SUPERS = {"super_admin"}


ADMINS = SUPERS | {"admin"}


ROLES = ("anonymous", "user", "admin", "super_admin")


@pytest.fixture
def by(request, client):
    """The browser of a user with this role."""
    if request.param != "anonymous":
        flags = {"is_staff": request.param in ADMINS, "is_superuser": request.param in SUPERS}
        client.force_login(User.objects.create_user("olga", PASSWORD, **flags))
    return client


# Pages beside those that Django makes for each model → roles that may open them.
PAGES: dict[str, tuple[list[Any], set[str]]] = {
    "accounts_user_action": (["deactivate"], ADMINS),
    "accounts_user_find": ([], ADMINS),
    "accounts_user_import": ([], ADMINS),
    "accounts_user_import_preview": ([UUID(int=0)], ADMINS),
    "accounts_user_import_report": ([UUID(int=0), "csv"], ADMINS),
    "accounts_user_export": ([], SUPERS),
    "accounts_user_data": (["alice"], ADMINS),
    "auth_user_password_change": (["alice"], ADMINS),
    "accounts_session_action": (["end_session"], ADMINS),
    "accounts_outgoingmail_action": (["send_again"], ADMINS),
    "apikeys_apikey_action": (["end_key"], ADMINS),
    "accounts_auditevent_request": ([], ADMINS),
    "accounts_auditevent_export": ([], ADMINS),
    "accounts_signingkey_rotate": ([], SUPERS),
    "accounts_signingkey_retire": (["kid"], SUPERS),
}


DJANGOS = {"changelist", "add", "history", "delete", "change"}


def pages():
    """The names of all pages below a model's."""
    for resolver in admin.site.get_urls():
        for page in getattr(resolver, "url_patterns", ()):
            if page.name and not (
                page.name.count("_") == 2 and page.name.rpartition("_")[2] in DJANGOS
            ):
                yield page.name


def test_every_page_is_in_the_table():
    assert set(pages()) == set(PAGES)


@pytest.mark.parametrize("by", ROLES, indirect=True)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_by_every_role(request, by, alice, name):
    role = request.node.callspec.params["by"]
    args, allowed = PAGES[name]
    answer = by.get(
        reverse(f"admin:{name}", args=[alice.pk if arg == "alice" else arg for arg in args])
    )
    refused = answer.status_code == 403 or answer.get("Location", "").startswith(
        reverse("admin:login")
    )
    assert refused == (role not in allowed)
