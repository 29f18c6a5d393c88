"""Erasures while their users, or operators on them, are active."""

from functools import partial

import pytest
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import issued_tokens, passwords, sessions
from accounts.errors import InvalidCredentials, NotPermitted
from accounts.models import AuditEvent, User
from accounts.operators import actions, user_actions, user_management
from accounts.privacy import erasure
from authsvc.contracts import bearer
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.core.erasures import everything_stored, log_in

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.own_sql]
crowded = pytest.mark.django_db(transaction=True)


@crowded
def test_of_two_super_admins_who_are_erased_at_once_one_stays(olga):
    other = User.objects.create_superuser("otto", PASSWORD)
    answers = at_once(partial(erasure.erase, olga), partial(erasure.erase, other))
    assert sorted(type(answer).__name__ for answer in answers) == ["NotPermitted", "str"]


@crowded
def test_a_login_at_the_same_moment_leaves_no_session(alice):
    for number in range(4):
        name = f"person{number}"
        user = User.objects.create_user(name, PASSWORD)
        answers = at_once(
            *[partial(log_in, name)] * 3,
            partial(erasure.erase, user),
            *[partial(log_in, name)] * 3,
        )
        assert {type(answer) for answer in answers} <= {
            str,
            issued_tokens.IssuedTokens,
            InvalidCredentials,
        } | set(InvalidCredentials.__subclasses__())
        assert not user.sessions.exists()
        assert not OutstandingToken.objects.filter(user=user).exists()
        assert User.objects.get(pk=user.pk).last_login is None


def test_an_action_or_a_login_that_an_erasure_overtakes_is_recorded_without_the_name(alice, olga):
    """The caller read the account a moment before, with the name that it had then."""
    overtaken, read = passwords.authenticate("alice", PASSWORD), User.objects.get(pk=alice.pk)
    erasure.erase(alice)
    with pytest.raises(InvalidCredentials, match="account_changed"):
        sessions.create_session(bearer.contract.policy, overtaken)
    with pytest.raises(NotPermitted):
        actions.carry_out(user_actions.DEACTIVATE, operator=olga, user=read, reason="asked to")
    with pytest.raises(NotPermitted):
        user_management.edit(read, operator=olga, changed=["name"])
    rows = AuditEvent.objects.order_by("pk").values_list("kind", "user", "name", "actor")
    assert [*rows] == [
        ("erased", alice.pk, alice.username, None),
        ("login_failed", alice.pk, alice.username, None),
        ("act_refused", alice.pk, alice.username, olga.pk),
        ("act_refused", alice.pk, alice.username, olga.pk),
    ]
    assert not [label for label, value in everything_stored() if "alice" in value]


@crowded
def test_actions_on_a_user_who_is_erased_at_that_moment_do_not_name_them_afterwards(olga):
    tina = User.objects.create_superuser("tina", PASSWORD)
    acts = (
        user_actions.GIVE_TEMPORARY_PASSWORD,
        user_actions.DEACTIVATE,
        user_actions.FORCE_CHANGE,
        user_actions.ERASE,
    )
    for number in range(4):
        user = User.objects.create_user(
            f"person{number}", PASSWORD, email=f"person{number}@example.com"
        )
        doing = [
            partial(actions.carry_out, act, operator=olga, user=user, reason="asked to")
            for act in acts
        ]
        answers = at_once(
            *doing,
            partial(
                actions.carry_out,
                user_actions.ERASE,
                operator=tina,
                user=user,
                reason="asked to",
            ),
        )
        assert {type(answer) for answer in answers} <= {actions.Outcome, NotPermitted, type(None)}
        assert AuditEvent.objects.filter(kind="erased", user=user).count() == 1
        assert not [label for label, value in everything_stored() if f"person{number}" in value]
        left = User.objects.get(pk=user.pk)
        assert (
            left.email,
            left.is_active,
            left.must_change_password,
            left.has_usable_password(),
        ) == (None, False, False, False)
