"""Pages for password resets and changes, as requests see them."""

import pytest
from django.test import Client

from accounts import passwords
from accounts.models import AuditEvent, OutgoingMail, PasswordReset
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


LOGIN = "/api/auth/login"


NEW = "four small green lamps"


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def change(client, identifier="alice", current=PASSWORD, password=NEW):
    return client.post(
        "/change-password", {"identifier": identifier, "current": current, "password": password}
    )


def errors(answer):
    return [
        sentence for sentences in answer.context["form"].errors.values() for sentence in sentences
    ]


def test_known_and_unknown_names_look_the_same(client, alice, django_assert_num_queries):
    answers = []
    for identifier in ("alice", "alice@example.com", "nobody", "nobody@example.com"):
        with django_assert_num_queries(1):
            answers.append(client.post("/forgot", {"identifier": identifier}))
    assert {(answer.status_code, answer["Location"], answer.content) for answer in answers} == {
        (302, "/forgot/sent", b"")
    }
    rows = OutgoingMail.objects.filter(user=None).order_by("pk")
    assert [row.identifier for row in rows] == [
        "alice",
        "alice@example.com",
        "nobody",
        "nobody@example.com",
    ]


def test_asking_too_often(client, settings):
    settings.FORGOT_RATE_PER_ADDRESS = "2/1h"
    answers = [client.post("/forgot", {"identifier": "alice"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 3600
    assert errors(answers[2])[0].startswith("Too many attempts. Please try again in ")
    assert OutgoingMail.objects.count() == 2


@pytest.mark.parametrize("identifier", ["", "   ", "a\0b", "x" * 255])
def test_asking_with_no_name_at_all(client, identifier):
    assert client.post("/forgot", {"identifier": identifier}).status_code == 422
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_outgoing_mail(client, settings, method):
    settings.EMAILS_ENABLED = False
    answer = getattr(client, method)("/forgot", {"identifier": "alice"})
    assert answer.status_code == 503
    assert "does not send mail" in answer.content.decode()
    assert not OutgoingMail.objects.exists()


def test_the_token_moves_into_a_cookie_of_its_own(client, link, settings):
    answer = client.get(link)
    cookie = answer.cookies["authsvc_reset"]
    assert (answer.status_code, answer["Location"], answer.content) == (302, "/reset", b"")
    assert (cookie.value, cookie["path"], cookie["max-age"]) == (
        link.removeprefix("/reset/"),
        "/reset",
        3600,
    )
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["domain"]) == (
        True,
        "Lax",
        "",
        "",
    )
    settings.SECURE_COOKIES = True
    assert client.get(link).cookies["authsvc_reset"]["secure"] is True


def test_opening_the_link_asks_the_database_nothing(client, link, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.head(link)["Location"] == client.get(link)["Location"] == "/reset"


def test_a_new_password(client, link, alice, caller):
    token = caller.json(LOGIN, {"username": "alice", "password": PASSWORD}).json()["token"]
    client.get(link)
    answer = client.post("/reset", {"password": NEW})
    assert (answer.status_code, answer["Location"]) == (302, "/reset/done")
    assert (answer.cookies["authsvc_reset"].value, answer.cookies["authsvc_reset"]["max-age"]) == (
        "",
        0,
    )
    assert caller.get("/api/auth/validate", token).status_code == 401
    assert caller.json(LOGIN, {"username": "alice", "password": NEW}).status_code == 200


def test_a_password_that_breaks_rules_uses_nothing_up(client, link):
    client.get(link)
    answer = client.post("/reset", {"password": "alice"})
    assert answer.status_code == 422
    assert errors(answer) == [
        "This password is too short. It must contain at least 8 characters.",
        "The password is too similar to the username.",
        "This password is too common.",
    ]
    assert "value=" not in str(answer.context["form"]["password"])
    assert client.post("/reset", {"password": NEW})["Location"] == "/reset/done"


@pytest.mark.parametrize("password", ["", "x" * 1025, "x" * 60_000, "four small\0lamps"])
def test_an_invalid_password(client, link, alice, password):
    client.get(link)
    assert "maxlength" not in client.get("/reset").content.decode()
    assert client.post("/reset", {"password": password}).status_code == 422
    assert change(client, current=password).status_code == 422
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_password_is_taken_as_it_is(client, link, alice):
    client.get(link)
    client.post("/reset", {"password": "  four small lamps "})
    alice.refresh_from_db()
    assert alice.check_password("  four small lamps ")


def test_without_javascript_it_is_typed_twice(client, link):
    client.get(link)
    answer = client.post("/reset", {"password": NEW, "again": "four small green lamp"})
    assert (answer.status_code, errors(answer)) == (422, ["The two passwords are not the same."])
    assert client.post("/reset", {"password": NEW, "again": NEW}).status_code == 302


@pytest.mark.parametrize("method", ["get", "post"])
def test_links_that_no_longer_work(client, link, alice, method):
    """The link is used, replaced or altered, or its user is deactivated, or there is none."""
    answers = [getattr(client, method)("/reset", {"password": NEW})]
    client.get(f"{link}x")
    answers.append(getattr(client, method)("/reset", {"password": NEW}))
    PasswordReset.objects.get().use()
    client.get(link)
    answers.append(getattr(client, method)("/reset", {"password": NEW}))
    assert [answer.status_code for answer in answers] == [410] * 3
    assert {answer.cookies["authsvc_reset"].value for answer in answers} == {""}
    assert all("/forgot" in answer.content.decode() for answer in answers)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_two_tabs_with_one_link(client, link):
    client.get(link)
    other = Client()
    other.get(link)
    assert client.post("/reset", {"password": NEW}).status_code == 302
    assert other.post("/reset", {"password": "another green lamp"}).status_code == 410


def test_a_form_of_another_site(alice, link):
    client = Client(enforce_csrf_checks=True)
    client.get(link)
    answer = client.post("/reset", {"password": NEW}, headers=BROWSER)
    assert (answer.status_code, "reload the page" in answer.content.decode()) == (403, True)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_changing_a_password_that_one_knows(client, alice, caller):
    token = caller.json(LOGIN, {"username": "alice", "password": PASSWORD}).json()["token"]
    answer = change(client, "ALICE@example.com")
    assert (answer.status_code, answer["Location"]) == (302, "/change-password/done")
    assert caller.get("/api/auth/validate", token).status_code == 401
    assert caller.json(LOGIN, {"username": "alice", "password": NEW}).status_code == 200
    assert OutgoingMail.objects.get().template == "password_changed"


def test_wrong_unknown_and_deactivated_look_the_same(client, alice, bob):
    type(bob).objects.filter(pk=bob.pk).update(is_active=False)
    answers = [change(client, current="wrong"), change(client, "nobody"), change(client, "bob")]
    assert {(answer.status_code, *errors(answer)) for answer in answers} == {
        (422, "The name or the current password is wrong.")
    }
    assert AuditEvent.objects.filter(kind="login_failed").count() == 3


def test_wrong_passwords_count_with_those_at_every_other_endpoint(client, alice, caller):
    for _ in range(5):
        change(client, current="wrong")
        caller.json(LOGIN, {"username": "alice", "password": "wrong"})
    answer = change(client)
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 300
    assert caller.json(LOGIN, {"username": "alice", "password": PASSWORD}).status_code == 429


def test_a_weak_password_is_no_wrong_password(client, alice):
    for _ in range(12):
        assert errors(change(client, password="12345678")) == ["This password is too common."]
    assert change(client).status_code == 302


def test_a_temporary_password_is_changed_into_another_one(client, alice, caller):
    passwords.set_temporary(alice, "told on the phone")
    answer = change(client, current="told on the phone", password="told on the phone")
    assert errors(answer) == ["Choose another password than the temporary one."]
    assert change(client, current="told on the phone").status_code == 302
    assert caller.json(LOGIN, {"username": "alice", "password": NEW}).status_code == 200


def test_a_signed_in_user_changes_only_their_own_password(client, olga, alice):
    client.force_login(olga)
    other = Client()
    other.force_login(olga)
    assert change(client, "alice").status_code == 302
    alice.refresh_from_db()
    olga.refresh_from_db()
    assert (alice.check_password(PASSWORD), olga.check_password(NEW)) == (True, True)
    assert client.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302


def test_the_admins_own_ways_lead_to_the_pages(client, olga):
    """The limit of wrong passwords holds there, and the owner gets a mail."""
    client.force_login(olga)
    assert client.get("/admin/password_change/")["Location"] == "/change-password"
    assert Client().get("/admin/password_reset/")["Location"] == "/forgot"
    assert "/admin/password_reset/" in Client().get("/admin/login/").content.decode()
