"""Actions of operators at the same moment, on one another and on one user."""

import threading
from functools import partial
from typing import Any

import pytest
from django.db import connection

from accounts import issued_tokens, request_context
from accounts.errors import (
    InvalidCredentials,
    NotPermitted,
    PasswordChangeRequired,
)
from accounts.models import AuditEvent, User
from accounts.operators import actions, permissions, user_actions
from tests.concurrency import at_once
from tests.operators import ACTIONS, log_in, make

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.django_db(transaction=True)
def test_of_two_super_admins_who_demote_each_other_one_stays(transactional_db):
    olga, tina = make("olga", "super_admin"), make("tina", "super_admin")
    start, refused = threading.Barrier(2), []

    def demote(operator, user):
        start.wait()
        try:
            with request_context.use(request_context.RequestContext()):
                actions.carry_out(
                    user_actions.CHANGE_ROLE,
                    operator=operator,
                    user=user,
                    reason="mutiny",
                    role="user",
                )
        except NotPermitted:
            refused.append(operator)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in ((olga, tina), (tina, olga))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.get(is_superuser=True) == next(
        user for user in (olga, tina) if user not in refused
    )


MUTINIES: dict[str, dict[str, Any]] = {
    "erase": {},
    "change_role": {"role": "user"},
    "deactivate": {},
    "temporary_password": {},
}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", MUTINIES)
@pytest.mark.django_db(transaction=True)
def test_of_super_admins_who_turn_on_one_another_one_stays_and_all_is_recorded(
    transactional_db, name, count
):
    """Each demotes the next in a circle: the second is refused as no operator, without deadlock."""
    for number in range(4):
        User.objects.update(is_superuser=False)
        crew = [make(f"{letter}{number}", "super_admin") for letter in "xyz"[:count]]
        mutiny = partial(actions.carry_out, ACTIONS[name], reason="mutiny", **MUTINIES[name])
        answers = at_once(
            *[
                partial(mutiny, operator=crew[place - 1], user=user)
                for place, user in enumerate(crew)
            ]
        )
        assert {type(answer) for answer in answers} == {actions.Outcome, NotPermitted}
        assert any(
            permissions.is_super_admin(one) for one in User.objects.filter(is_superuser=True)
        )
        kinds = AuditEvent.objects.order_by("-pk").values_list("kind", flat=True)[:count]
        assert sorted(kinds) == sorted(
            "act_refused" if isinstance(answer, NotPermitted) else ACTIONS[name].kind
            for answer in answers
        )
        assert AuditEvent.objects.count() == (number + 1) * count


@pytest.mark.django_db(transaction=True)
def test_actions_on_one_user_at_once_are_each_whole_and_recorded(transactional_db):
    """Logins run beside them: each is refused, or opens a session that an action ends."""
    olga, stan = make("olga", "super_admin"), make("stan", "admin")
    for number in range(4):
        user = make(f"user{number}", "user")
        chosen = [
            (user_actions.GIVE_TEMPORARY_PASSWORD, stan),
            (user_actions.DEACTIVATE, olga),
            (user_actions.DEACTIVATE, stan),
        ]
        begun = [
            partial(actions.carry_out, action, operator=by, user=user, reason="asked to")
            for action, by in chosen
        ]
        logins = [partial(log_in, user.username)] * 3
        answers = at_once(*begun, *logins) if number % 2 else at_once(*logins, *begun)[::-1]
        outcomes = [bool(answer) for answer in answers[:3]]
        opened = [isinstance(answer, issued_tokens.IssuedTokens) for answer in answers[3:]]
        assert {type(answer) for answer in answers[3:]} <= {
            issued_tokens.IssuedTokens,
            InvalidCredentials,
            PasswordChangeRequired,
        }
        kinds = [*AuditEvent.objects.filter(user=user).values_list("kind", flat=True)]
        assert (
            kinds.count("deactivated")
            == outcomes.count(True) - kinds.count("temporary_password")
            == 1
        )
        assert (kinds.count("login"), kinds.count("login_failed")) == (
            opened.count(True),
            opened.count(False),
        )
        assert not user.sessions.live().exists()
        user.refresh_from_db()
        assert (user.is_active, user.must_change_password) == (
            False,
            "temporary_password" in kinds,
        )
