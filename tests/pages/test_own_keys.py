"""Alice sees and ends her API keys on a page, with her password."""

import time

import pytest
from django.core import signing
from django.test import Client

from accounts import passwords
from accounts.audit import event_messages
from accounts.models import AuditEvent, User
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from tests.conftest import PASSWORD
from tests.pages.visitor import DESK_LIGHT, NARROW_LIGHT, PHONE_DARK

pytestmark = pytest.mark.django_db
NEW = "four small green lamps"


def sign_in(client, identifier="alice", current=PASSWORD):
    return client.post("/keys", {"identifier": identifier, "current": current})


def shown(client):
    return [key.name for key in client.get("/keys/yours").context["keys"]]


@pytest.fixture
def made(alice, bob):
    """Return two live keys of Alice's, one ended key of hers, and one of Bob's."""
    keys = {name: APIKey.objects.issue(alice.pk, name)[0] for name in ("CI", "Staging", "ended")}
    APIKey.objects.filter(name="ended").end(EndReason.DELETED)
    return keys | {"his": APIKey.objects.issue(bob.pk, "his")[0]}


def test_alice_sees_her_live_keys_and_ends_one(client, made, caller):
    answer = sign_in(client, " ALICE@example.com ")
    assert (answer.status_code, answer["Location"]) == (302, "/keys/yours")
    assert shown(client) == ["Staging", "CI"]
    answer = client.post("/keys/yours", {"key": made["CI"].public_id}, follow=True)
    assert "1 key was ended. It does not work any more." in answer.content.decode()
    assert [key.name for key in answer.context["keys"]] == ["Staging"]
    assert made["CI"].digest not in answer.content.decode()
    event = AuditEvent.objects.get(kind="key_deleted")
    assert (str(event.user), event.name) == ("alice", made["CI"].public_id)


def test_that_she_looked_is_on_record(client, made):
    sign_in(client)
    event = AuditEvent.objects.get(kind="login")
    assert (event.contract, event_messages.text(event)) == (
        "keys",
        "alice signed in to the page of API keys.",
    )


def test_keys_of_others_and_keys_that_are_none_end_nothing(client, made):
    sign_in(client)
    sent = [made["his"].public_id, made["ended"].public_id, "key_00000000", "", "x" * 999, "\0"]
    answer = client.post("/keys/yours", {"key": sent})
    assert answer["Location"] == "/keys/yours?ended=0"
    assert APIKey.objects.live().count() == 3


def test_nothing_chosen_is_said(client, made):
    sign_in(client)
    answer = client.post("/keys/yours")
    assert (answer.status_code, "Choose at least one key." in answer.content.decode()) == (
        422,
        True,
    )


def test_a_sign_in_is_on_record_and_makes_its_network_known(client, alice):
    sign_in(client)
    event = AuditEvent.objects.get()
    assert (event.kind, event.user, event.address) == ("login", alice, "127.0.0.1")
    assert alice.known_networks.get().network == "127.0.0.1"


@pytest.mark.parametrize("identifier", ["alice", "nobody"])
def test_a_wrong_password_opens_nothing_and_counts(client, made, identifier):
    answers = [sign_in(client, identifier, "wrong") for _ in range(12)]
    assert {answer.status_code for answer in answers} == {422, 429}
    assert sign_in(client, identifier).status_code == 429
    assert client.get("/keys/yours")["Location"] == "/keys"
    assert AuditEvent.objects.filter(kind="login_failed").exists()


def test_a_user_who_must_change_the_password_does_that_first(client, made):
    User.objects.update(must_change_password=True)
    answer = sign_in(client)
    assert (answer.status_code, "/change-password" in answer.content.decode()) == (422, True)
    assert client.get("/keys/yours").status_code == 302


@pytest.mark.parametrize("field", ["password", "is_active", "must_change_password"])
def test_the_ticket_is_void_as_soon_as_the_account_changes(client, alice, made, field):
    sign_in(client)
    assert len(shown(client)) == 2
    if field == "password":
        passwords.change(alice.pk, PASSWORD, NEW)
    else:
        User.objects.filter(pk=alice.pk).update(**{field: field != "is_active"})
    answer = client.post("/keys/yours", {"key": made["CI"].public_id})
    assert (answer.status_code, answer["Location"]) == (302, "/keys")
    assert APIKey.objects.live().filter(name="CI").exists()


def test_the_ticket_is_a_cookie_of_this_page_alone(client, alice, settings):
    cookie = sign_in(client).cookies["authsvc_keys"]
    assert (cookie["path"], cookie["max-age"], cookie["httponly"], cookie["samesite"]) == (
        "/keys/yours",
        600,
        True,
        "Strict",
    )
    settings.SECURE_COOKIES = True
    assert sign_in(client).cookies["authsvc_keys"]["secure"] is True
    assert client.get("/keys/yours", secure=True)["Cache-Control"] == "no-store"


def test_a_ticket_that_nobody_signed_is_none(client, alice, settings):
    forged = signing.dumps(
        [str(alice.uuid), alice.credential_version], key="another", salt="authsvc_keys"
    )
    for ticket in (
        forged,
        "",
        "x",
        signing.dumps([str(alice.uuid), alice.credential_version], salt="another"),
    ):
        client.cookies["authsvc_keys"] = ticket
        assert client.get("/keys/yours")["Location"] == "/keys"


class Earlier(signing.TimestampSigner):
    minutes = 0

    def timestamp(self) -> str:
        return signing.b62_encode(int(time.time()) - 60 * self.minutes)


def test_a_ticket_holds_for_ten_minutes(client, alice):
    signer = Earlier(salt="authsvc_keys")
    for signer.minutes, status in ((9, 200), (11, 302)):
        client.cookies["authsvc_keys"] = signer.sign_object(
            [str(alice.uuid), alice.credential_version]
        )
        answer = client.get("/keys/yours")
        assert (answer.status_code, answer["Cache-Control"]) == (status, "no-store")


def test_a_user_who_signed_out_needs_the_password_again(client, alice):
    sign_in(client)
    assert client.post("/keys/yours", {"leave": "yes"})["Location"] == "/keys"
    assert client.get("/keys/yours")["Location"] == "/keys"


def test_a_copy_of_the_cookie_opens_nothing_once_she_has_left(client, made):
    copy, elsewhere = Client(), Client()
    sign_in(client)
    sign_in(elsewhere)
    copy.cookies["authsvc_keys"] = client.cookies["authsvc_keys"].value
    assert len(shown(copy)) == 2
    client.post("/keys/yours", {"leave": "yes"})
    assert copy.get("/keys/yours")["Location"] == "/keys"
    assert copy.post("/keys/yours", {"key": made["CI"].public_id})["Location"] == "/keys"
    assert len(shown(elsewhere)) == 2
    sign_in(client)
    assert len(shown(client)) == 2
    assert APIKey.objects.live().filter(name="CI").exists()


def test_another_site_ends_no_key(client, made):
    sign_in(client)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post("/keys/yours", {"key": made["CI"].public_id}).status_code == 403
    assert APIKey.objects.live().count() == 3


@pytest.mark.parametrize("locale", ["en-GB", "de-DE", "fr-FR"])
def test_in_a_browser(visit, made, locale):
    APIKey.objects.filter(name="Staging").update(name="A very long name of a key " * 3)
    browser, screens = visit(locale=locale), (DESK_LIGHT, NARROW_LIGHT, PHONE_DARK)
    browser.open("/keys")
    browser.look(f"keys-sign-in-{locale}", *screens)
    browser.fill(identifier="alice", current=PASSWORD)
    browser.submit()
    assert browser.path == "/keys/yours"
    browser.look(f"keys-{locale}", *screens)
    browser.page.locator("[type=checkbox]").last.check()
    browser.page.locator("main form button").first.click()
    browser.page.wait_for_url("**/keys/yours?ended=1")
    browser.look(f"keys-ended-{locale}", *screens)
    assert not APIKey.objects.live().filter(name="CI").exists()
