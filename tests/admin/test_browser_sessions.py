"""Sessions of browsers in the database: nothing there opens anything."""

from datetime import timedelta
from importlib import import_module
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DjangosStore
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import User
from tests.admin.sign_ins import sign_in, signed_in, wait
from tests.concurrency import at_once
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def browser_with(cookie):
    browser = Client()
    browser.cookies["authsvc_session"] = cookie
    return browser


def cookie_of(client):
    return client.cookies["authsvc_session"].value


def test_a_copy_of_the_database_opens_no_session(client, olga):
    sign_in(client)
    row = BrowserSession.objects.get()
    assert signed_in(browser_with(cookie_of(client)))
    assert not signed_in(browser_with(row.session_key))
    assert cookie_of(client) not in f"{row.session_key} {row.session_data}"
    assert row.get_decoded() == {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM django_session")
        assert "password_given_at" not in str(cursor.fetchall())


def test_data_stored_for_one_browser_gives_another_no_rights(client, olga, alice):
    """Copying the data of an operator's row to another row gives no rights."""
    sign_in(client)
    stan = User.objects.create_user("stan", PASSWORD, is_staff=True)
    browser = Client()
    browser.force_login(stan)
    BrowserSession.objects.update(
        session_data=BrowserSession.objects.values_list("session_data")[:1]
    )
    assert [signed_in(client), signed_in(browser)].count(True) == 1


def test_a_new_password_gives_the_session_another_key_and_a_sign_out_ends_it(client, olga):
    sign_in(client)
    first = cookie_of(client)
    client.post(
        reverse("change-password"),
        {"identifier": "olga", "current": PASSWORD, "password": "another good horse"},
    )
    assert cookie_of(client) != first
    assert signed_in(client)
    assert not signed_in(browser_with(first))
    last = cookie_of(client)
    client.post(reverse("admin:logout"))
    assert not signed_in(browser_with(last))
    assert not BrowserSession.objects.exists()


def test_a_session_that_ended_meanwhile_does_not_come_back(client, olga):
    sign_in(client)
    late, later = SessionStore(cookie_of(client)), SessionStore(cookie_of(client))
    assert late["_auth_user_id"] == later["_auth_user_id"] == str(olga.pk)
    client.post(reverse("admin:logout"))
    late["seen_at"] = 1
    with pytest.raises(UpdateError):
        late.save()
    later.cycle_key()
    later.save()
    assert dict(SessionStore(later.session_key).items()) == {}
    assert not signed_in(browser_with(later.session_key))


def test_a_password_asked_again_holds_for_this_session_and_a_short_time(client, olga, alice):
    sign_in(client)
    page = f"{reverse('admin:accounts_user_action', args=['deactivate'])}?ids={alice.pk}"
    assert "Your password" not in client.get(page).content.decode()
    other = Client()
    other.force_login(olga)
    assert "Your password" in other.get(page).content.decode()
    for minutes in (6, -8):  # the second as after a clock that went ahead was set back
        wait(client, minutes=minutes)
        assert "Your password" in client.get(page).content.decode()


def test_prune_forgets_browsers_that_idled_and_no_other(client, olga):
    idle = Client()
    sign_in(idle)
    BrowserSession.objects.update(expire_date=now() - timedelta(seconds=1))
    sign_in(client)
    out = StringIO()
    call_command("prune", stdout=out)
    assert "sessions.Session: 1\n" in out.getvalue()
    assert signed_in(client)
    assert BrowserSession.objects.count() == 1
    BrowserSession.objects.update(expire_date=now() - timedelta(seconds=1))
    call_command("clearsessions")
    assert not BrowserSession.objects.exists()


def test_rows_of_the_release_before_go_with_the_upgrade(client, olga):
    old = DjangosStore()
    old["_auth_user_id"] = str(olga.pk)
    old.create()
    assert not signed_in(browser_with(old.session_key))
    migration = import_module("accounts.migrations.0009_browser_session_digests")
    migration.forget(apps, connection.SchemaEditorClass(connection, atomic=False))
    assert not BrowserSession.objects.exists()


@pytest.mark.parametrize(
    "cookie", ["", "x", "a" * 32, "\xff" * 9, "x" * 3000, "%00%00%00%00%00", "a\tb c"]
)
def test_a_cookie_that_was_never_given_out(client, olga, cookie):
    assert not signed_in(browser_with(cookie))


@pytest.mark.django_db(transaction=True)
def test_it_is_the_same_for_asgi():
    """In a thread of its own: tests with a browser leave an event loop running in this one."""

    async def story():
        store = SessionStore()
        await store.aset("name", "olga")
        await store.asave()
        first = store.session_key
        await store.acycle_key()
        found = await SessionStore(store.session_key).aget("name")
        gone = [await store.aexists(first), await SessionStore(first).aget("name")]
        await store.aflush()
        return found, gone

    (answer,) = at_once(lambda: async_to_sync(story)())
    assert answer == ("olga", [False, None])
    assert not BrowserSession.objects.exists()
