"""API keys and the state of their owners, and the mails about keys."""

import re

import pytest
from django.core import mail
from django.utils.timezone import now

from accounts import password_reset, passwords, request_context
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, User
from accounts.request_context import RequestContext
from apikeys import keys
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from tests.apikeys.key_helpers import DAY, key_of, stored, works
from tests.conftest import PASSWORD


@stored
def test_a_key_of_an_inactive_owner_is_refused_at_once_and_not_revived(alice, secret):
    alice.is_active = False
    alice.save()
    assert not works(secret)
    alice.is_active = True
    alice.save()
    assert not works(secret)
    assert key_of(secret).ended_reason == "owner_deactivated"


@stored
def test_an_owner_who_is_inactive_in_the_database_is_enough(alice, secret):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not works(secret)


@stored
def test_a_password_reset_leaves_keys_alone_and_names_them(alice, secret):
    other, _ = APIKey.objects.issue(alice.pk, "Staging")
    APIKey.objects.issue(alice.pk, expires_at=now())
    APIKey.objects.filter(pk=APIKey.objects.issue(alice.pk)[0].pk).end(EndReason.DELETED)
    password_reset.use_token(password_reset.make(alice).token, "eine Zeile, die keiner kennt")
    assert works(secret)
    remain = OutgoingMail.objects.get(template="keys_remain")
    live = [
        {"name": "Staging", "key": other.public_id},
        {"name": "CI", "key": key_of(secret).public_id},
    ]
    assert (remain.user, remain.data) == (alice, {"count": 2, "keys": live})


@stored
def test_a_reset_says_nothing_of_keys_where_there_are_none_or_no_mail(alice, owner, settings):
    password_reset.use_token(password_reset.make(alice).token, "eine Zeile, die keiner kennt")
    keys.create(owner, "CI", ["profile"], None)
    settings.EMAILS_ENABLED = False
    password_reset.use_token(password_reset.make(alice).token, "noch eine, die keiner kennt")
    assert not OutgoingMail.objects.filter(template="keys_remain").exists()


@stored
def test_a_change_of_the_password_leaves_keys_alone(alice, secret):
    passwords.change(alice.pk, PASSWORD, "eine Zeile, die keiner kennt")
    assert works(secret)
    told = OutgoingMail.objects.get(template="password_changed")
    assert told.data == {"keys": [{"name": "CI", "key": key_of(secret).public_id}]}


def delivered():
    delivery.deliver_due()
    return mail.outbox


@stored
def test_the_mail_that_keys_remain(alice, owner, secret):
    for said in ("1 API key: a reset does not\nend it", "2 API keys: a reset does not\nend them"):
        mail.outbox.clear()
        with request_context.use(RequestContext(address="192.0.2.7")):
            password_reset.use_token(
                password_reset.make(alice).token, f"eine Zeile, die {said[0]} mal gilt"
            )
        (message,) = [message for message in delivered() if "still work" in message.subject]
        assert (message.to, message.subject) == (
            ["alice@example.com"],
            "Your API keys for authsvc still work",
        )
        (html, _), *_ = message.alternatives
        assert said in message.body
        assert said.replace("\n", " ") in html
        for part in (message.body, html):
            assert "192.0.2.7" in part
            assert "http://testserver/forgot" in part
            assert "http://testserver/keys" in part
            assert key_of(secret).public_id in part
        keys.create(owner, "another", ["profile"], None)
    delivered()
    assert set(OutgoingMail.objects.values_list("status", flat=True)) == {"sent"}


@stored
def test_the_mail_that_a_key_leaked(owner):
    key, secret = keys.create(owner, "<CI> & co", ["profile"], None)
    with request_context.use(RequestContext(address="198.51.100.9")):
        keys.revoke_leaked(secret)
    *_, message = delivered()
    assert (message.to, message.subject) == (
        ["alice@example.com"],
        "One of your API keys for authsvc leaked, and was ended",
    )
    (html, _), *_ = message.alternatives
    assert f"<CI> & co ({key.public_id})" in message.body
    assert f"<strong>&lt;CI&gt; &amp; co</strong> ({key.public_id})" in html
    for part in (message.body, html):
        assert "198.51.100.9" in part
        assert "http://testserver/forgot" in part
        assert secret not in part
    assert set(OutgoingMail.objects.values_list("status", flat=True)) == {"sent"}


@stored
@pytest.mark.parametrize(
    ("language", "subject"),
    [("en", "A new API key for authsvc"), ("de", "Ein neuer"), ("fr", "Une nouvelle")],
)
def test_the_mail_that_a_key_was_made(alice, owner, language, subject):
    User.objects.update(language=language)
    with request_context.use(RequestContext(address="198.51.100.9")):
        key, secret = keys.create(owner, "<CI>\r\n& co", ["profile"], None)
    (message,) = delivered()
    (html, _), *_ = message.alternatives
    assert message.subject.startswith(subject)
    assert f"    <CI>\\r\\n& co ({key.public_id})\n" in message.body
    assert f"<strong>&lt;CI&gt;\\r\\n&amp; co</strong> ({key.public_id})" in html
    for part in (message.body, html):
        assert {"198.51.100.9", "http://testserver/keys", "http://testserver/forgot"} <= set(
            re.findall(r"[\w.:/]+", part)
        )
        assert secret[17:] not in part


@stored
def test_the_mail_that_a_key_was_rotated_names_the_successor(owner, secret):
    new, _ = keys.rotate(owner, key_of(secret).public_id, DAY)
    *_, message = delivered()
    assert message.subject == "An API key for authsvc was rotated"
    assert f"    CI ({new.public_id})\n" in message.body


@stored
@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "the last mail of this kind"), ("de", "die letzte"), ("fr", "le dernier")],
)
def test_a_loop_of_keys_fills_no_mailbox_and_is_all_on_record(alice, owner, language, said):
    User.objects.update(language=language)
    for _ in range(12):
        key, _ = keys.create(owner, "CI", ["profile"], None)
        keys.delete(owner, keys.rotate(owner, key.public_id, DAY)[0].public_id)
    messages = delivered()
    assert len(messages) == 20
    parts = [(message.body, message.alternatives[0][0]) for message in messages]
    assert [said in plain and said in html for plain, html in parts] == [False] * 19 + [True]
    assert AuditEvent.objects.filter(kind__in=["key_created", "key_rotated"]).count() == 24
    keys.revoke_leaked(keys.create(owner, "CI", ["profile"], None)[1])
    assert OutgoingMail.objects.filter(template="key_leaked").exists()


@stored
def test_a_key_is_made_without_a_word_where_no_mail_can_be_sent(alice, owner, settings):
    settings.EMAILS_ENABLED = False
    keys.create(owner, "CI", ["profile"], None)
    settings.EMAILS_ENABLED = True
    keys.create(owner._replace(email=None), "CI", ["profile"], None)
    assert not OutgoingMail.objects.exists()
    assert APIKey.objects.live().count() == 2


@stored
@pytest.mark.parametrize("temporary", [False, True])
def test_the_mail_about_a_changed_password_names_the_keys_that_live_on(
    alice, owner, secret, temporary
):
    if temporary:
        passwords.set_temporary(alice, "set by Olga, for once")
        passwords.replace_temporary(
            alice, str(alice.credential_version), "eine Zeile, die keiner kennt"
        )
    else:
        passwords.change(alice.pk, PASSWORD, "eine Zeile, die keiner kennt")
    *_, message = delivered()
    (html, _), *_ = message.alternatives
    for part in (message.body, html):
        assert "A new password does not end API keys. This one still works:" in part
        assert key_of(secret).public_id in part
        assert "http://testserver/keys" in part
