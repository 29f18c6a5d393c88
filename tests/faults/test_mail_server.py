"""Mail servers that refuse, stall, hang up or are gone, and workers that die: no mail is lost."""

import gc
import re

import pytest
from django.utils.timezone import now

from accounts import password_reset
from accounts.errors import InvalidReset
from accounts.mail import delivery
from accounts.models import OutgoingMail, PasswordReset, User
from tests.faults.mail_servers import HANGS_UP, PostOffice, request_resets
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.django_db
NEW = "eine Zeile, die keiner kennt"
Status = OutgoingMail.Status


def try_again() -> None:
    """Make mails due whose next try, or whose claim by a dead worker, lies in the future."""
    OutgoingMail.objects.waiting().update(next_try_at=now())
    delivery.deliver_due()


def waiting() -> OutgoingMail:
    return OutgoingMail.objects.waiting().get()


# What a mail server may do


def test_a_mail_arrives(alice, office):
    request_resets("alice")
    delivery.deliver_due()
    (taken,) = office.taken
    assert (taken.recipients, taken.message["To"]) == (["alice@example.com"], "alice@example.com")
    assert taken.message["Auto-Submitted"] == "auto-generated"
    assert [part.get_content_type() for part in taken.message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert OutgoingMail.objects.get().status == Status.SENT
    assert password_reset.use_code("alice", code_in(taken.text, alice), NEW) == alice


def refused(office: PostOffice, where: str, words: str) -> None:
    """Let the mail server give this reply to the sender, the recipient or the message."""
    if where == "sender":
        office.refuses_sender = words
    elif where == "recipient":
        office.refused["alice@example.com"] = words
    else:
        office.answers.append(words)


@pytest.mark.parametrize("where", ["sender", "recipient", "data"])
def test_a_permanent_refusal_fails_at_once_in_the_server_s_words(alice, office, where):
    refused(office, where, "554 5.7.1 No, never")
    request_resets("alice")
    delivery.deliver_due()
    mail = OutgoingMail.objects.get()
    assert (mail.status, mail.tries, mail.recipient) == (Status.FAILED, 1, "alice@example.com")
    assert (mail.error, office.taken) == ("554 5.7.1 No, never", [])


def test_a_recipient_that_is_refused_holds_up_no_other(alice, bob, office):
    office.refused["alice@example.com"] = "550 5.1.1 No such person here"
    request_resets("alice", "bob")
    delivery.deliver_due()
    assert office.delivered == {"bob@example.com": 1}
    assert OutgoingMail.objects.get(status=Status.FAILED).error == "550 5.1.1 No such person here"


@pytest.mark.parametrize("where", ["sender", "recipient", "data"])
@pytest.mark.parametrize(
    "words",
    [
        "451 4.7.1 Greylisted",
        "530 5.7.0 Must issue a STARTTLS command first",
        "503 5.5.1 Log in first",
    ],
)
def test_a_temporary_refusal_is_tried_again(alice, office, where, words):
    """A wrong setting of TLS is temporary: the mail is tried again."""
    refused(office, where, words)
    request_resets("alice")
    delivery.deliver_due()
    assert (waiting().error, waiting().is_between_tries) == (words, True)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Django leaves the connection open
def test_a_login_that_the_mail_server_refuses_kills_no_mail(alice, office, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mailer", "a password of yesterday"
    office.lets_in = False
    request_resets("alice")
    delivery.deliver_due()
    gc.collect()
    assert waiting().error.startswith("login refused: 535 5.7.8 ")
    office.lets_in = True
    try_again()
    assert office.delivered == {"alice@example.com": 1}


def test_a_reply_of_several_lines_in_another_alphabet_is_one_sentence(alice, office):
    office.answers.append("451-4.7.1 Trop de courriers :\r\n451 4.7.1 réessayez")
    request_resets("alice")
    delivery.deliver_due()
    assert waiting().error == "451 4.7.1 Trop de courriers : 4.7.1 réessayez"


def test_a_server_that_says_later_gets_it_later(alice, office):
    office.answers += ["451 4.7.1 Greylisted, come back", "452 4.3.1 Disk full"]
    request_resets("alice")
    delivery.deliver_due()
    assert waiting().error == "451 4.7.1 Greylisted, come back"
    try_again()
    assert "Disk full" in waiting().error
    try_again()
    mail = OutgoingMail.objects.get()
    assert (mail.status, mail.tries, mail.error) == (Status.SENT, 3, "")
    assert office.delivered == {"alice@example.com": 1}
    assert password_reset.use_token(token_in(office.taken[0].text), NEW) == alice


def test_a_server_that_stalls_is_waited_for_only_so_long(alice, office, settings):
    """The server answers only after the worker has stopped waiting."""
    settings.EMAIL_TIMEOUT = 0.3
    office.closed = True
    request_resets("alice")
    delivery.deliver_due()
    assert "timed out" in waiting().error
    office.closed = False
    try_again()
    assert OutgoingMail.objects.get().status == Status.SENT


def test_a_server_that_hangs_up_after_the_message_gets_it_again(alice, office):
    """The server may have accepted it: both mails arrive, and the first works until the second."""
    office.answers.append(HANGS_UP)
    request_resets("alice")
    delivery.deliver_due()
    assert waiting().error
    first = token_in(office.taken[0].text)
    assert password_reset.find(first).user == alice
    try_again()
    assert OutgoingMail.objects.get().status == Status.SENT
    assert office.delivered == {"alice@example.com": 2}
    with pytest.raises(InvalidReset):
        password_reset.find(first)
    assert password_reset.use_token(token_in(office.taken[1].text), NEW) == alice


def test_a_server_that_is_not_there_gets_it_when_it_is(alice, office):
    office.close()
    request_resets("alice")
    delivery.deliver_due()
    assert waiting().error == "no connection: Connection refused"
    office.open()
    try_again()
    assert office.delivered == {"alice@example.com": 1}


def test_the_code_in_hand_is_good_until_another_one_has_arrived(alice, office):
    request_resets("alice")
    delivery.deliver_due()
    code = code_in(office.taken[0].text, alice)
    office.answers.append("451 4.7.1 Later")
    request_resets("alice")
    delivery.deliver_due()
    assert password_reset.use_code("alice", code, NEW) == alice


def test_a_server_that_quotes_a_mail_does_not_tell_its_secrets(alice, office):
    """Spam filters quote the mail; operators read the outbox."""
    office.answers.append(
        lambda text: " ".join(["550 5.7.1 Bad link:", *re.findall(r"[\w-]{43}|\b\w{8}\b", text)])
    )
    request_resets("alice")
    delivery.deliver_due()
    error, reset = OutgoingMail.objects.get().error, PasswordReset.objects.get()
    assert error.startswith("550 5.7.1 Bad link: ")
    for word in re.findall(r"[\w-]+", error):
        assert password_reset.token_digest(word) != reset.token_digest
        assert password_reset.code_digest(alice.uuid, word) != reset.code_digest


@pytest.mark.parametrize(
    "address",
    ["alice@@example.com", "alice@", f"alice@{'ä' * 70}.com"],
    ids=["two at", "no host", "long host"],
)
def test_an_address_that_is_none_fails_visibly_and_holds_up_no_other(alice, bob, office, address):
    """Such an address may come with an import."""
    User.objects.filter(pk=alice.pk).update(email=address)
    request_resets("alice", "bob")
    delivery.deliver_due()
    assert office.delivered["bob@example.com"] == 1
    mail = OutgoingMail.objects.get(identifier="alice")
    assert (mail.status, bool(mail.error)) == (Status.WAITING, True)


def test_an_address_in_another_alphabet(alice, office):
    User.objects.filter(pk=alice.pk).update(email="alice@bücher.example")
    request_resets("ALICE@BÜCHER.example")
    delivery.deliver_due()
    assert office.delivered == {"alice@xn--bcher-kva.example": 1}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # smtplib leaves the connection open
def test_a_password_in_another_alphabet_for_the_mail_server(alice, office, settings):
    """smtplib encodes ASCII only: the worker goes on, and the row has the reason."""
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mailer", "pässwort"
    request_resets("alice")
    delivery.deliver_due()
    gc.collect()
    assert "ascii" in waiting().error


# Two workers


# Workers that die
