"""The mail worker: tries, order, other workers beside it, and the language of a mail."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts import password_reset, passwords, request_context
from accounts.mail import delivery, outbox, templates
from accounts.models import OutgoingMail, PasswordReset, User
from accounts.request_context import RequestContext
from apikeys.mail_templates import KeyTemplate
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.mail_queue import ask, make_due, recipients, statuses
from tests.reset_mails import token_in

pytestmark = [pytest.mark.django_db, pytest.mark.own_sql]
NEW = "eine Zeile, die keiner kennt"
Template, Status = OutgoingMail.Template, OutgoingMail.Status
LONG_AGO = now() - timedelta(hours=1)


# Tries


def test_a_mail_is_tried_again_after_longer_and_longer_pauses(alice, nobody_answers):
    ask("alice")
    pauses = []
    for tries in range(1, 12):
        make_due()
        assert delivery.deliver_due() == 1
        mail = OutgoingMail.objects.get()
        pauses.append(round((mail.next_try_at - now()).total_seconds()))
        assert (mail.status, mail.tries, mail.closed_at) == (Status.WAITING, tries, None)
        assert "Connection refused" in mail.error
        assert delivery.deliver_due() == 0
    assert pauses == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_after_a_day_it_is_given_up_and_an_operator_can_send_it_again(
    alice, settings, nobody_answers, mailoutbox
):
    ask("alice")
    OutgoingMail.objects.update(give_up_at=now() + timedelta(seconds=10))
    delivery.deliver_due()
    mail = OutgoingMail.objects.get()
    assert (mail.status, mail.recipient, mail.closed_at is None) == (
        Status.FAILED,
        "alice@example.com",
        False,
    )
    assert "Connection refused" in mail.error
    make_due()
    assert delivery.deliver_due() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert OutgoingMail.objects.all().send_again() == 1
    assert delivery.deliver_due() == 1
    mail.refresh_from_db()
    assert (mail.status, mail.error, mail.tries) == (Status.SENT, "", 1)
    assert password_reset.use_token(token_in(mailoutbox[0]), NEW) == alice


def test_only_failed_mails_are_sent_again(alice, mailoutbox):
    ask("alice", "nobody", *["alice"] * 5)
    delivery.deliver_due()
    ask("bob")
    assert OutgoingMail.objects.all().send_again() == 0
    assert statuses() == [
        Status.SENT,
        Status.NOBODY,
        *[Status.SENT] * 4,
        Status.ENOUGH,
        Status.WAITING,
    ]


def test_sent_again_it_is_tried_for_another_day(alice, nobody_answers):
    ask("alice")
    OutgoingMail.objects.update(give_up_at=now())
    delivery.deliver_due()
    OutgoingMail.objects.all().send_again()
    delivery.deliver_due()
    mail = OutgoingMail.objects.get()
    assert mail.status == Status.WAITING
    assert timedelta(hours=23) < mail.give_up_at - now() < timedelta(hours=25)


def test_a_template_that_an_operator_broke_holds_up_no_other(
    alice, bob, mailoutbox, settings, tmp_path
):
    """The mail waits, tells its error, and goes out once the template is mended."""
    override(settings, tmp_path, "password_changed.txt", "{% no such tag %}")
    passwords.change(alice.pk, PASSWORD, NEW)
    ask("bob")
    delivery.deliver_due()
    assert recipients(mailoutbox) == ["bob@example.com"]
    assert "no" in OutgoingMail.objects.waiting().get().error
    override(settings, tmp_path, "password_changed.txt", "Mended.")
    make_due()
    delivery.deliver_due()
    assert (mailoutbox[-1].recipients(), mailoutbox[-1].body) == (["alice@example.com"], "Mended.")


def test_a_template_that_fails_tells_nobody_what_it_was_given(
    alice, mailoutbox, settings, tmp_path, caplog
):
    """Django's error about a missing name lists the whole context, link and code too."""
    override(settings, tmp_path, "reset.txt", "{{ link|default:missing }}")
    ask("alice")
    delivery.deliver_due()
    mail, reset = OutgoingMail.objects.get(), PasswordReset.objects.get()
    assert (mailoutbox, mail.status, bool(mail.error)) == ([], Status.WAITING, True)
    for word in re.findall(r"[\w-]+", caplog.text + mail.error):
        assert password_reset.token_digest(word) != reset.token_digest
        assert password_reset.code_digest(alice.uuid, word) != reset.code_digest


def override(settings, folder, name, text):
    """Put an operator's own template in the place of ours."""
    (folder / "emails").mkdir(exist_ok=True)
    (folder / "emails" / name).write_text(text)
    (ours,) = settings.TEMPLATES
    settings.TEMPLATES = [{**ours, "DIRS": [folder, *ours["DIRS"]]}]


def test_no_app_takes_the_template_of_another():
    with pytest.raises(ValueError, match="registered twice: key_created"):
        templates.register(KeyTemplate)
    assert {*Template.values, *KeyTemplate.values} == {*templates.labels}


# Order

NOTICE = {
    "template": KeyTemplate.KEY_CREATED,
    "created_at": LONG_AGO,
    "next_try_at": LONG_AGO,
    "give_up_at": LONG_AGO + timedelta(days=1),
}


def test_resets_and_then_invitations_go_before_any_notice(alice, bob, mailoutbox):
    """A loop that makes keys delays no password reset."""
    OutgoingMail.objects.bulk_create(OutgoingMail(user=bob, **NOTICE) for _ in range(20))
    outbox.put(
        Template.INVITATION, user=User.objects.create_user("carol", email="carol@example.com")
    )
    ask("alice")
    after_three = iter([False, False, False, True])
    delivery.deliver_due(stop=lambda: next(after_three))
    assert recipients(mailoutbox) == ["alice@example.com", "carol@example.com", "bob@example.com"]


@pytest.mark.parametrize("waiting", [Template.RESET, Template.INVITATION, None])
def test_the_next_mail_is_found_in_indexes(alice, waiting):
    """The number of waiting and of sent mails does not matter."""
    closed = {**NOTICE, "closed_at": now(), "status": Status.SENT}
    OutgoingMail.objects.bulk_create(
        OutgoingMail(user=alice, **{**closed, "template": template})
        for template in templates.labels
        for _ in range(200)
    )
    OutgoingMail.objects.bulk_create(OutgoingMail(user=alice, **NOTICE) for _ in range(2000))
    if waiting:
        OutgoingMail.objects.create(
            user=alice, **{**NOTICE, "template": waiting, "next_try_at": now()}
        )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE accounts_outgoingmail")
        with CaptureQueriesContext(connection) as captured:
            mail = OutgoingMail.objects.next_due()
        assert mail
        assert (mail.template, len(captured)) == (waiting or KeyTemplate.KEY_CREATED, 1)
        cursor.execute(
            f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}"
            f"{captured.captured_queries[0]['sql']}"
        )
        plan = "\n".join(str(line) for line in cursor.fetchall())
    assert (
        plan.count("outgoing_mail_due_of_kind"),
        "Seq Scan on accounts_outgoingmail" in plan,
        "SCAN" in plan,
    ) == (
        len(templates.labels),
        False,
        False,
    ), plan


# Two workers


@pytest.mark.django_db(transaction=True)
def test_four_workers_at_once_send_each_mail_once(alice, mailoutbox):
    for number in range(12):
        User.objects.create_user(f"user{number}", PASSWORD, email=f"user{number}@example.com")
        ask(f"user{number}")
    assert sum(at_once(*[delivery.deliver_due] * 4)) == 12
    assert sorted(recipients(mailoutbox)) == sorted(
        f"user{number}@example.com" for number in range(12)
    )
    assert statuses() == [Status.SENT] * 12
    assert set(OutgoingMail.objects.values_list("tries", flat=True)) == {1}


def test_a_claim_is_for_one_worker_and_for_a_while(alice):
    ask("alice")
    mine, yours = OutgoingMail.objects.get(), OutgoingMail.objects.get()
    assert (mine.claim(timedelta(minutes=2)), yours.claim(timedelta(minutes=2))) == (True, False)
    assert not OutgoingMail.objects.due().exists()
    make_due()
    assert OutgoingMail.objects.due().get().claim(timedelta(minutes=2))


# Language


@pytest.fixture
def says_its_language(settings, tmp_path):
    for name in ("reset", "password_changed"):
        override(
            settings,
            tmp_path,
            f"{name}.txt",
            "{% load i18n %}{% get_current_language as code %}{{ code }}",
        )


@pytest.mark.parametrize(
    ("own", "header", "language"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "en;q=0.2, fr;q=0.7", "fr"),
        ("", "pt-BR, es;q=0.9, fr-CH;q=0.3", "fr"),
        ("", "zh, ja", "en"),
        ("", "*", "en"),
        ("", "garbage;;q=x", "en"),
        ("", "fr;q=0, de;q=0.1", "de"),
        ("", "es, fr;q=0", "en"),
        ("", "de" + ",xx;q=0.5" * 300, "de"),
        ("fr", "de", "fr"),
        ("de", "", "de"),
    ],
)
def test_a_mail_is_in_the_language_of_its_reader_else_of_whoever_asked(
    alice, mailoutbox, says_its_language, own, header, language
):
    User.objects.filter(pk=alice.pk).update(language=own)
    with request_context.use(RequestContext(languages=header)):
        ask("alice")
        passwords.change(alice.pk, PASSWORD, NEW)
    delivery.deliver_due()
    assert [message.body for message in mailoutbox] == [language, language]


@pytest.mark.parametrize("length", range(1, 9))
def test_a_long_header_says_the_language_too(alice, mailoutbox, says_its_language, length):
    """The cut may be anywhere in the header."""
    with request_context.use(RequestContext(languages=f"de-CH,{'x' * length}{',x;q=0.875' * 40}")):
        ask("alice")
    delivery.deliver_due()
    assert mailoutbox[0].body == "de"


def test_one_mails_language_is_not_the_nexts(alice, bob, mailoutbox, says_its_language):
    with request_context.use(RequestContext(languages="fr")):
        ask("alice")
    ask("bob")
    delivery.deliver_due()
    assert [message.body for message in mailoutbox] == ["fr", "en"]
