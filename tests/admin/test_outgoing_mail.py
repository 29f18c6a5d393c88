"""Olga the operator looks at what became of the mails."""

import re
from datetime import timedelta

import pytest
from django.utils.html import strip_tags
from django.utils.timezone import now

from accounts import password_reset
from accounts.mail import delivery, outbox
from accounts.models import AuditEvent, OutgoingMail, User
from tests.admin.actions import choose_action, confirm_action
from tests.audit_events import reason_of
from tests.conftest import PASSWORD
from tests.reset_mails import token_in

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/outgoingmail/"


@pytest.fixture
def failed_mail(alice):
    """A mail that the mail server has refused for a day."""
    outbox.put(outbox.Template.RESET, identifier="alice")
    mail = OutgoingMail.objects.get()
    mail.user, mail.error, mail.give_up_at = (
        alice,
        "451 try again later",
        now() - timedelta(hours=1),
    )
    mail.close(OutgoingMail.Status.FAILED)
    return mail


def send_again(as_olga, *mails):
    """Tick them in the list, and confirm."""
    asked = choose_action(as_olga, "send_again", *mails)
    return confirm_action(as_olga, "send_again", *mails, reason="", next=asked.context["next"])


def test_the_list_shows_the_mail_servers_words(as_olga, failed_mail):
    page = as_olga.get(LIST).content.decode()
    for shown in ("451 try again later", "Failed", "Reset link and code", "alice@example.com"):
        assert shown in page


@pytest.mark.parametrize(
    ("filters", "rows"),
    [("status__exact=failed", 1), ("status__exact=sent", 0), ("template__exact=reset", 1)],
)
def test_filters(as_olga, failed_mail, filters, rows):
    assert as_olga.get(f"{LIST}?{filters}").context["cl"].result_count == rows


def test_a_failed_mail_is_sent_again(as_olga, alice, olga, failed_mail):
    answer = send_again(as_olga, failed_mail)
    failed_mail.refresh_from_db()
    assert answer["Location"] == LIST
    assert (
        "Will be sent again: Reset link and code, to alice@example.com."
        in as_olga.get(LIST).content.decode()
    )
    event = AuditEvent.objects.get(kind="mail_sent_again")
    assert (event.user, event.actor, reason_of(event)) == (
        alice,
        olga,
        f"mail {failed_mail.pk}, reset",
    )
    assert (failed_mail.status, failed_mail.closed_at, failed_mail.tries) == ("waiting", None, 0)
    assert failed_mail.give_up_at > now()


@pytest.fixture
def put_off(alice):
    """A mail that the mail server asked to come back with later."""
    outbox.put(outbox.Template.RESET, identifier="alice", user=alice)
    mail = OutgoingMail.objects.get()
    mail.claim(timedelta(minutes=2))
    mail.put_off("451 4.7.1 Greylisted, come back in 5 minutes")
    return mail


def test_a_mails_page_tells_its_history_and_sends_it_now(as_olga, alice, put_off, settings):
    settings.EMAIL_HOST = "mail.example.com"
    page = as_olga.get(f"{LIST}{put_off.pk}/change/")
    history = " ".join(strip_tags(sentence) for sentence in page.context["history"])
    assert re.search(
        r"^Asked for just now \(.* UTC\) for “alice”\. Tried once\. "
        r"The last answer: 451 4\.7\.1 Greylisted, come back in",
        history,
    )
    assert "The next try is in a moment (" in history
    (button,) = page.context["buttons"]
    assert (button.label, button.url in page.content.decode().replace("&amp;", "&")) == (
        "Send now",
        True,
    )
    asked = as_olga.get(button.url)
    done = confirm_action(as_olga, "send_now", put_off, next=asked.context["next"], reason="")
    assert done["Location"] == f"{LIST}{put_off.pk}/change/"
    assert delivery.deliver_due() == 1
    assert (
        "The mail server took it for alice@example.com"
        in as_olga.get(done["Location"]).content.decode()
    )


def test_a_mail_where_no_mail_server_is_set_is_a_file(as_olga, put_off, settings):
    OutgoingMail.objects.filter(pk=put_off.pk).update(next_try_at=now())
    assert delivery.deliver_due() == 1
    page = as_olga.get(f"{LIST}{put_off.pk}/change/").content.decode()
    assert f"It was written to a file in {settings.EMAIL_FILE_PATH} for alice@example.com" in page
    assert "mail server took" not in page


def test_a_waiting_mail_is_sent_now_from_the_list(as_olga, put_off):
    asked = choose_action(as_olga, "send_now", put_off)
    confirm_action(as_olga, "send_now", put_off, reason="", next=asked.context["next"])
    assert OutgoingMail.objects.due().exists()
    assert reason_of(AuditEvent.objects.get(kind="mail_sent_again")) == f"mail {put_off.pk}, reset"


def test_a_mail_that_a_worker_is_sending_is_left_to_it(as_olga, put_off):
    put_off.next_try_at = now()
    put_off.save()
    assert put_off.claim(timedelta(minutes=2))
    assert confirm_action(as_olga, "send_now", put_off).context["title"] == "Nothing was done."
    assert not OutgoingMail.objects.due().exists()
    assert as_olga.get(f"{LIST}{put_off.pk}/change/").context["buttons"] == []


def test_an_old_reset_is_not_sent_again_and_a_fresh_one_is_offered(
    as_olga, alice, failed_mail, mailoutbox
):
    OutgoingMail.objects.update(created_at=now() - timedelta(days=2))
    assert send_again(as_olga, failed_mail).context["title"] == "Nothing was done."
    page = as_olga.get(f"{LIST}{failed_mail.pk}/change/")
    assert [button.label for button in page.context["buttons"]] == ["Send a new reset mail"]
    confirm_action(as_olga, "send_fresh_reset", failed_mail, reason="")
    assert delivery.deliver_due() == 1
    (mail,) = mailoutbox
    assert password_reset.find(token_in(mail)).user == alice
    assert set(OutgoingMail.objects.values_list("status", "error")) == {
        ("failed", "451 try again later"),
        ("sent", ""),
    }


def test_two_old_resets_are_one_fresh_mail(as_olga, alice, failed_mail):
    OutgoingMail.objects.update(created_at=now() - timedelta(days=2))
    old = OutgoingMail.objects.get()
    old.pk = None
    old.save()
    confirm_action(as_olga, "send_fresh_reset", failed_mail, old, reason="")
    assert OutgoingMail.objects.waiting().count() == 1


def test_a_sent_mail_is_not_sent_again(as_olga, failed_mail):
    failed_mail.close(OutgoingMail.Status.SENT)
    assert send_again(as_olga, failed_mail).context["title"] == "Nothing was done."
    failed_mail.refresh_from_db()
    assert failed_mail.status == "sent"


def test_stan_sends_no_mail_to_an_operator_again(client, olga, failed_mail):
    OutgoingMail.objects.update(user=olga)
    client.force_login(User.objects.create_user("stan", PASSWORD, is_staff=True))
    assert confirm_action(client, "send_again", failed_mail).status_code == 403
    failed_mail.refresh_from_db()
    assert failed_mail.status == "failed"


def test_rows_are_looked_at_and_nothing_else(as_olga, failed_mail):
    assert as_olga.get(f"{LIST}{failed_mail.pk}/change/").status_code == 200
    assert (
        as_olga.post(
            f"{LIST}{failed_mail.pk}/change/", {"recipient": "eve@example.com"}
        ).status_code
        == 403
    )
    assert as_olga.get(f"{LIST}add/").status_code == 403
    assert as_olga.post(f"{LIST}{failed_mail.pk}/delete/", {"post": "yes"}).status_code == 403
    failed_mail.refresh_from_db()
    assert failed_mail.recipient == "alice@example.com"


def test_a_user_who_is_no_operator_sees_nothing(client, alice, failed_mail):
    client.force_login(alice)
    assert client.get(LIST).status_code == 302
