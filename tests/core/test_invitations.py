"""Invitations: how long they work, what ends them, and limits of mails."""

from datetime import timedelta

import pytest

from accounts import password_reset
from accounts.errors import (
    InvalidCode,
    InvalidReset,
)
from accounts.mail import delivery
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, User
from accounts.operators import actions, user_actions, user_management
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def carol(olga, mailoutbox):
    carol = user_management.invite(User(username="carol", email="carol@example.com"), operator=olga)
    delivery.deliver_due()
    return carol


def ask_for_reset(count=1):
    for _ in range(count):
        password_reset.ask("carol")
    delivery.deliver_due()


def test_an_invitation_holds_for_a_week_and_says_until_when(carol, mailoutbox, settings):
    reset = PasswordReset.objects.get()
    assert abs(reset.expires_at - reset.created_at - settings.INVITATION_LIFETIME) < timedelta(
        seconds=1
    )
    assert f"{reset.expires_at:%Y}" in mailoutbox[0].body
    assert not AuditEvent.objects.filter(kind="reset_asked").exists()
    assert password_reset.find(token_in(mailoutbox[0])).user == carol


def test_an_invitation_is_used_once(carol, mailoutbox):
    token = token_in(mailoutbox[0])
    password_reset.use_token(token, "three blue lamps")
    carol.refresh_from_db()
    assert (carol.check_password("three blue lamps"), carol.must_change_password) == (True, False)
    with pytest.raises(InvalidReset):
        password_reset.use_token(token, "four green lamps")


def test_requests_of_strangers_end_no_invitation(carol, mailoutbox):
    """A stranger who knows her name can ask for reset mails and guess at codes."""
    ask_for_reset(7)
    for _ in range(6):
        with pytest.raises(InvalidCode):
            password_reset.use_code("carol", "abcdefgh", "three blue lamps")
    assert password_reset.find(token_in(mailoutbox[0])).user == carol


def test_an_invitation_has_no_code(carol):
    for code in ("", "abcdefgh"):
        with pytest.raises(InvalidCode):
            password_reset.use_code("carol", code, "three blue lamps")


def test_the_hourly_limit_counts_only_mails_that_users_ask_for(carol, olga, mailoutbox):
    ask_for_reset(7)
    assert OutgoingMail.objects.filter(status="enough").count() == 2
    actions.carry_out(user_actions.INVITE, operator=olga, user=carol)
    delivery.deliver_due()
    assert mailoutbox[-1].subject == "Your account at authsvc"


def test_invitations_leave_the_hours_resets_to_her(carol, olga, mailoutbox):
    for _ in range(6):
        actions.carry_out(user_actions.INVITE, operator=olga, user=carol)
    delivery.deliver_due()
    ask_for_reset()
    assert code_in(mailoutbox[-1], carol)
    assert not OutgoingMail.objects.filter(status="enough").exists()


def test_a_new_invitation_voids_the_one_before(carol, olga, mailoutbox):
    actions.carry_out(user_actions.INVITE, operator=olga, user=carol)
    delivery.deliver_due()
    first, second = mailoutbox
    with pytest.raises(InvalidReset):
        password_reset.find(token_in(first))
    assert password_reset.find(token_in(second)).user == carol


def test_no_invitation_goes_to_a_user_who_has_a_password_by_the_time_of_sending(
    carol, olga, mailoutbox
):
    actions.carry_out(user_actions.INVITE, operator=olga, user=carol)
    password_reset.use_token(token_in(mailoutbox[0]), "three blue lamps")
    mailoutbox.clear()
    delivery.deliver_due()
    assert [mail.subject for mail in mailoutbox] == ["You have chosen your password for authsvc"]
    assert OutgoingMail.objects.filter(template="invitation", status="nobody").count() == 1
