"""Secrets of password resets: mailed once, and kept as digests."""

import pytest
from django.apps import apps

from accounts import password_reset
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail
from tests.core.resets import NEW, an_hour_passes, by_code, guess
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.django_db


def test_the_owner_and_the_audit_log_are_told(alice, reset_secrets):
    guess()
    by_code(reset_secrets)
    mail = OutgoingMail.objects.get()
    assert (mail.template, mail.user) == (OutgoingMail.Template.PASSWORD_CHANGED, alice)
    kinds = AuditEvent.objects.filter(user=alice).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [AuditEvent.Kind.RESET_FAILED, AuditEvent.Kind.PASSWORD_CHANGED]


def test_a_copy_of_the_database_holds_no_token_and_no_code(alice, mailoutbox, caplog):
    """No secret is stored before the mail, while it is out, or after its use; none is logged."""
    password_reset.ask("alice")
    delivery.deliver_due()
    reset_secrets = password_reset.make(alice)
    guess(code=reset_secrets.token[:8])
    by_code(reset_secrets)
    delivery.deliver_due()
    stored = "\n".join(
        str(row) for model in apps.get_models() for row in model._default_manager.values_list()
    )
    for secret in (
        reset_secrets.token,
        reset_secrets.code,
        token_in(mailoutbox[0]),
        code_in(mailoutbox[0], alice),
        NEW,
    ):
        assert secret not in stored
        assert secret not in caplog.text
    assert reset_secrets.reset.token_digest in stored


def test_reset_secrets_do_not_show_themselves(reset_secrets):
    for shown in (
        repr(reset_secrets),
        str(reset_secrets),
        f"{reset_secrets}",
        repr(reset_secrets.reset),
        str(reset_secrets.reset),
    ):
        assert reset_secrets.token not in shown
        assert reset_secrets.code not in shown


def test_the_same_code_of_two_accounts_has_two_digests(alice, bob):
    assert password_reset.code_digest(alice.uuid, "abcdefgh") != password_reset.code_digest(
        bob.uuid, "abcdefgh"
    )


def test_tokens_and_codes_are_of_chance(alice):
    all_secrets = []
    for _ in range(50):
        an_hour_passes()
        all_secrets.append(password_reset.make(alice))
    assert (
        len({reset_secrets.token for reset_secrets in all_secrets})
        == len({reset_secrets.code for reset_secrets in all_secrets})
        == 50
    )
    assert {len(reset_secrets.token) for reset_secrets in all_secrets} == {43}
    assert {len(reset_secrets.code) for reset_secrets in all_secrets} == {8}
    assert {letter for reset_secrets in all_secrets for letter in reset_secrets.code} <= set(
        password_reset.CODE_LETTERS
    )
