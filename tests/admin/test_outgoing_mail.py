"""Olga the operator looks at what became of the mails."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts import outbox
from accounts.models import AuditEvent, OutgoingMail, User
from tests.admin.acting import act, choose
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/outgoingmail/"


@pytest.fixture
def given_up(alice):
    """A mail that the mail server has refused for a day."""
    outbox.put(outbox.Kind.RESET, typed="alice")
    mail = OutgoingMail.objects.get()
    mail.user, mail.error, mail.give_up_at = alice, "451 try again later", now() - timedelta(hours=1)
    mail.close(OutgoingMail.Fate.FAILED)
    return mail


@pytest.fixture
def desk(client, olga):
    client.force_login(olga)
    return client


def send_again(desk, *mails):
    """Tick them in the list, and confirm."""
    asked = choose(desk, "send_again", *mails)
    return act(desk, "send_again", *mails, reason="", next=asked.context["next"])


def test_the_list_shows_the_mail_servers_words(desk, given_up):
    page = desk.get(LIST).content.decode()
    for shown in ("451 try again later", "Given up", "Reset link and code", "alice@example.com"):
        assert shown in page


@pytest.mark.parametrize(("filters", "rows"), [("fate__exact=failed", 1), ("fate__exact=sent", 0), ("kind__exact=reset", 1)])
def test_filters(desk, given_up, filters, rows):
    assert desk.get(f"{LIST}?{filters}").context["cl"].result_count == rows


def test_what_was_given_up_is_sent_again(desk, alice, olga, given_up):
    answer = send_again(desk, given_up)
    given_up.refresh_from_db()
    assert answer["Location"] == LIST
    assert "Will be sent again: Reset link and code, to alice@example.com." in desk.get(LIST).content.decode()
    event = AuditEvent.objects.get(kind="mail_sent_again")
    assert (event.user, event.actor, event.reason) == (alice, olga, f"mail {given_up.pk}, reset")
    assert (given_up.fate, given_up.closed_at, given_up.tries) == ("waiting", None, 0)
    assert given_up.give_up_at > now()


def test_what_was_sent_is_not_sent_again(desk, given_up):
    given_up.close(OutgoingMail.Fate.SENT)
    assert send_again(desk, given_up).context["title"] == "Nothing was done."
    given_up.refresh_from_db()
    assert given_up.fate == "sent"


def test_stan_sends_no_mail_to_an_operator_again(client, olga, given_up):
    OutgoingMail.objects.update(user=olga)
    client.force_login(User.objects.create_user("stan", PASSWORD, is_staff=True))
    assert act(client, "send_again", given_up).status_code == 403
    given_up.refresh_from_db()
    assert given_up.fate == "failed"


def test_rows_are_looked_at_and_nothing_else(desk, given_up):
    assert desk.get(f"{LIST}{given_up.pk}/change/").status_code == 200
    assert desk.post(f"{LIST}{given_up.pk}/change/", {"recipient": "eve@example.com"}).status_code == 403
    assert desk.get(f"{LIST}add/").status_code == 403
    assert desk.post(f"{LIST}{given_up.pk}/delete/", {"post": "yes"}).status_code == 403
    given_up.refresh_from_db()
    assert given_up.recipient == "alice@example.com"


def test_who_is_no_operator_sees_nothing(client, alice, given_up):
    client.force_login(alice)
    assert client.get(LIST).status_code == 302
