"""The mail about a sign-in from a network from which an account was not used lately."""

from functools import partial

import pytest
from django.test import Client

from accounts.mail import delivery
from accounts.models import KnownNetwork, OutgoingMail, User
from tests.concurrency import at_once
from tests.conftest import PASSWORD, Caller

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def log_in(at, password=PASSWORD, **headers):
    caller = Caller()
    caller.http.defaults["REMOTE_ADDR"] = at
    return caller.json(
        "/v1/login", {"username": "alice", "password": password}, **headers
    ).status_code


def told():
    return OutgoingMail.objects.filter(template="new_network").count()


@pytest.fixture
def at_home(alice):
    assert log_in("192.0.2.7") == 200


def test_the_first_sign_in_of_all_is_no_news(at_home):
    assert told() == 0


def test_a_new_network_is_told_once(at_home, mailoutbox):
    assert {log_in("203.0.113.9", **{"User-Agent": FIREFOX}) for _ in range(3)} == {200}
    assert log_in("192.0.2.7") == 200
    delivery.deliver_due()
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == (
        ["alice@example.com"],
        "A sign-in to authsvc from a new network",
    )
    for text in (mail.body, str(mail.alternatives[0].content)):
        assert "your account" in text
        assert "203.0.113.9" in text
        assert "Firefox on Linux" in text
        assert "http://testserver/forgot" in text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "Wenn Sie das nicht waren, kennt jemand anders Ihr Passwort"),
        ("fr", "Si ce n’était pas vous"),
    ],
)
def test_in_the_language_of_its_reader(at_home, mailoutbox, language, words):
    User.objects.update(language=language)
    log_in("203.0.113.9")
    delivery.deliver_due()
    assert words in mailoutbox[0].body
    assert words in str(mailoutbox[0].alternatives[0].content)


def test_a_wrong_password_is_not_mailed(at_home):
    assert log_in("203.0.113.9", "wrong") == 401
    assert told() == 0


def test_an_account_that_slept_for_long_is_told(at_home):
    """A thief of the password would otherwise be its first network, about which no mail is sent."""
    KnownNetwork.objects.all().delete()
    log_in("203.0.113.9")
    assert told() == 1


def test_a_user_who_changes_networks_all_the_time_gets_three_mails_a_week(at_home):
    for number in range(20):
        assert log_in(f"203.0.113.{number}") == 200
    assert told() == 3


@pytest.mark.django_db(transaction=True)
def test_many_sign_ins_at_once_from_one_new_network_are_one_mail(at_home):
    assert set(at_once(*[partial(log_in, "203.0.113.9")] * 8)) == {200}
    assert told() == KnownNetwork.objects.filter(network="203.0.113.9").count() == 1


@pytest.mark.parametrize("off", ["EMAILS_ENABLED", "NEW_NETWORK_MAIL", "address"])
def test_no_mail_is_made_for_users_who_want_or_can_get_none(at_home, settings, off):
    if off == "address":
        User.objects.update(email=None)
    else:
        setattr(settings, off, False)
    assert log_in("203.0.113.9") == 200
    assert not OutgoingMail.objects.exists()


def test_a_sign_in_to_the_admin_is_told_like_any_other(olga, mailoutbox):
    """Mails about operators' actions on others leave the address out; this sign-in is her own."""
    for at in ("192.0.2.7", "203.0.113.9"):
        answer = Client(REMOTE_ADDR=at).post(
            "/admin/login/", {"username": "olga", "password": PASSWORD, "next": "/admin/"}
        )
        assert answer.status_code == 302
    delivery.deliver_due()
    assert [("203.0.113.9" in mail.body, mail.to) for mail in mailoutbox] == [
        (True, ["olga@example.com"])
    ]
