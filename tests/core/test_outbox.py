"""Mails that are asked for: their rows, their receivers, their limits and their audit events."""

import unicodedata
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils.timezone import now

from accounts import password_reset, passwords, request_context
from accounts.errors import EmailDisabled, InvalidReset
from accounts.mail import delivery, outbox
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, User
from accounts.request_context import RequestContext
from tests.conftest import PASSWORD
from tests.mail_queue import ask, make_due, recipients, statuses
from tests.reset_mails import token_in

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
NEW = "eine Zeile, die keiner kennt"
Template, Status = OutgoingMail.Template, OutgoingMail.Status


# The request


@pytest.mark.parametrize(
    "typed", ["alice", "alice@example.com", "nobody", "nobody@example.com", "", "x" * 2000]
)
def test_asking_is_one_row_and_one_query(alice, django_assert_num_queries, typed):
    with django_assert_num_queries(1):
        ask(typed)
    mail = OutgoingMail.objects.get()
    assert (mail.template, mail.status, mail.user, mail.recipient, mail.identifier) == (
        Template.RESET,
        Status.WAITING,
        None,
        "",
        typed[:254],
    )


def test_a_mail_remembers_who_asked(alice, mailoutbox):
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    with request_context.use(
        RequestContext(address="192.0.2.7", user_agent=agent, contract="form", request_id="r-1")
    ):
        ask("alice")
    mail = OutgoingMail.objects.get()
    assert (mail.address, mail.user_agent, mail.contract, mail.request_id) == (
        "192.0.2.7",
        agent,
        "form",
        "r-1",
    )
    assert mail.give_up_at - mail.created_at == timedelta(hours=24)


def test_without_outgoing_mail_none_is_asked_for(alice, settings):
    settings.EMAILS_ENABLED = False
    with pytest.raises(EmailDisabled):
        ask("alice")
    assert not OutgoingMail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_undone_sends_no_word_of_it(alice):
    with transaction.atomic():
        passwords.change(alice.pk, PASSWORD, NEW)
        assert OutgoingMail.objects.exists()
        transaction.set_rollback(True)
    assert not OutgoingMail.objects.exists()


def test_put_takes_a_name_or_a_user(alice):
    outbox.put(Template.PASSWORD_CHANGED, user=alice)
    outbox.put(Template.RESET, identifier="alice")
    assert list(
        OutgoingMail.objects.order_by("pk").values_list("template", "user", "identifier")
    ) == [
        (Template.PASSWORD_CHANGED, alice.pk, ""),
        (Template.RESET, None, "alice"),
    ]


# Receivers


@pytest.mark.parametrize(
    "typed",
    ["alice", " ALICE\n", "alice@example.com", "Alice@EXAMPLE.com", "ａｌｉｃｅ＠example.com"],
)
def test_a_reset_goes_to_the_stored_address(alice, bob, mailoutbox, typed):
    ask(typed)
    assert delivery.deliver_due() == 1
    assert recipients(mailoutbox) == ["alice@example.com"]
    mail = OutgoingMail.objects.get()
    assert (mail.status, mail.user, mail.recipient, mail.tries, mail.error) == (
        Status.SENT,
        alice,
        "alice@example.com",
        1,
        "",
    )
    assert password_reset.find(token_in(mailoutbox[0])).user == alice


@pytest.mark.parametrize(
    "name",
    ["alice liddell", "jürgen", "алиса", "محمد", "爱丽丝", "ñandú", "ﾊﾅｺ", "weiß", "Ⅳ. alice"],
)
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_name_in_another_alphabet_and_form(alice, mailoutbox, name, form):
    User.objects.filter(pk=alice.pk).update(username=name)
    ask(unicodedata.normalize(form, name.upper()), unicodedata.normalize(form, name))
    delivery.deliver_due()
    assert recipients(mailoutbox)[-1:] == ["alice@example.com"]


@pytest.mark.parametrize(
    "space", ["\u3000", "\u00a0", "\u2009"], ids=["ideographic", "no-break", "thin"]
)
def test_a_name_with_the_space_of_another_keyboard(alice, mailoutbox, space):
    """It signs in, so it can also forget."""
    User.objects.filter(pk=alice.pk).update(username="alice liddell")
    typed = f"alice{space}liddell"
    assert passwords.authenticate(typed, PASSWORD) == alice
    ask(typed)
    delivery.deliver_due()
    assert recipients(mailoutbox) == ["alice@example.com"]


@pytest.mark.parametrize(
    "typed",
    [
        "nobody",
        "nobody@example.com",
        "bob",
        "carol",
        "",
        "%",
        "alice@",
        "@example.com",
        "alice@example.com.",
    ],
)
def test_unknown_and_inactive_users_and_those_without_an_address_get_none(
    alice, bob, mailoutbox, typed
):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    User.objects.create_user("carol", PASSWORD)
    ask(typed)
    assert delivery.deliver_due() == 1
    assert mailoutbox == []
    mail = OutgoingMail.objects.get()
    assert (mail.status, mail.recipient, mail.identifier) == (Status.NOBODY, "", typed)
    assert not PasswordReset.objects.exists()


@pytest.mark.parametrize(
    "alike",
    [
        "аlice@example.com",
        "alıce@example.com",
        "alice@exаmple.com",
        "alice@example.сom",
        "alice\u200b@example.com",
    ],
)
def test_a_look_alike_address_gets_nothing(alice, mailoutbox, alike):
    ask(alike)
    delivery.deliver_due()
    assert (mailoutbox, statuses()) == ([], [Status.NOBODY])


def test_letters_that_are_the_same_by_their_form_reach_only_the_stored_address(mailoutbox):
    """CVE-2019-19844: the long s, and the Kelvin sign, become s and k."""
    User.objects.create_user("mike", PASSWORD, email="mikes@example.com")
    ask("mi\u212ae\u017f@example.com")
    delivery.deliver_due()
    assert recipients(mailoutbox) == ["mikes@example.com"]


@pytest.mark.parametrize(
    "typed",
    [
        "alice@example.com\r\nBcc: eve@example.com",
        "alice@example.com, eve@example.com",
        "alice\nTo: eve@example.com",
        "Alice <alice@example.com>",
    ],
)
def test_more_than_an_address_reaches_nobody(alice, mailoutbox, typed):
    ask(typed)
    delivery.deliver_due()
    assert (mailoutbox, statuses()) == ([], [Status.NOBODY])
    assert "\n" not in OutgoingMail.objects.get().identifier


def test_nothing_that_is_shown_in_a_mail_adds_a_header_to_it(alice, mailoutbox):
    User.objects.filter(pk=alice.pk).update(name="Alice\r\nBcc: eve@example.com\r\n\r\n<script>")
    with request_context.use(
        RequestContext(user_agent="Firefox\r\nBcc: eve@example.com", contract="x\r\nBcc: y")
    ):
        ask("alice")
    passwords.change(alice.pk, PASSWORD, NEW)
    delivery.deliver_due()
    assert recipients(mailoutbox) == ["alice@example.com"] * 2
    for message in mailoutbox:
        assert {"Bcc", "Cc"}.isdisjoint(message.message().keys())
        assert "<script>" not in str(message.alternatives)


# Limits


def test_at_most_five_an_hour_however_the_account_is_called(alice, bob, mailoutbox):
    for _ in range(4):
        ask("alice", "ALICE@example.com")
    ask("bob")
    delivery.deliver_due()
    assert recipients(mailoutbox) == ["alice@example.com"] * 5 + ["bob@example.com"]
    assert statuses() == [Status.SENT] * 5 + [Status.ENOUGH] * 3 + [Status.SENT]
    PasswordReset.objects.filter(user=alice).update(created_at=now() - timedelta(hours=1))
    ask("alice")
    delivery.deliver_due()
    assert statuses()[-1] == Status.SENT


def test_the_last_of_five_mails_stays_good(alice, mailoutbox):
    ask(*["alice"] * 9)
    delivery.deliver_due()
    assert password_reset.use_token(token_in(mailoutbox[-1]), NEW) == alice


def test_word_of_a_change_is_not_counted(alice, mailoutbox):
    ask(*["alice"] * 6)
    for number in range(6):
        passwords.change(
            alice.pk, PASSWORD if not number else f"{NEW}{number - 1}", f"{NEW}{number}"
        )
    delivery.deliver_due()
    assert len(mailoutbox) == 11


def test_a_second_mail_replaces_the_first(alice, bob, mailoutbox):
    ask("alice", "bob", "alice")
    delivery.deliver_due()
    first, his, second = (token_in(message) for message in mailoutbox)
    assert PasswordReset.objects.usable().count() == 2
    assert password_reset.find(his).user == bob
    with pytest.raises(InvalidReset):
        password_reset.use_token(first, NEW)
    assert password_reset.use_token(second, NEW) == alice


# Audit events


def asked_for():
    return list(
        AuditEvent.objects.filter(kind="reset_asked").values_list(
            "user__username", "name", "address", "request_id"
        )
    )


def test_a_reset_is_on_record_once_for_a_request_and_not_for_each_try(
    alice, settings, nobody_answers
):
    with request_context.use(RequestContext(address="192.0.2.7", request_id="r-1")):
        ask(" ALICE ")
    assert asked_for() == [], "the request looks nobody up"
    for _ in range(3):
        make_due()
        delivery.deliver_due()
    assert OutgoingMail.objects.get().tries == 3
    OutgoingMail.objects.update(status=Status.FAILED, closed_at=now())
    assert OutgoingMail.objects.all().send_again() == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    delivery.deliver_due()
    assert statuses() == [Status.SENT]
    assert asked_for() == [("alice", "alice", "192.0.2.7", "r-1")]
    ask("alice")
    delivery.deliver_due()
    assert len(asked_for()) == 2


def test_a_request_that_nobody_gets_a_mail_for_is_on_record_too(alice):
    ask("nobody", "alice@example.com")
    delivery.deliver_due()
    assert {(user, name) for user, name, *_ in asked_for()} == {
        (None, "nobody"),
        ("alice", "alice@example.com"),
    }
