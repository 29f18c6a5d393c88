"""Actions of operators: each by every role on every role, and its audit event."""

from typing import Any

import pytest

from accounts.errors import (
    MissingReason,
    NotPermitted,
)
from accounts.models import OutgoingMail, User
from accounts.operators import actions
from tests.operators import ACTIONS, ROLES, TO_USERS, events, make, ready, state

pytestmark = pytest.mark.usefixtures("db")


OUT: dict[str, dict[str, Any]] = {
    "deactivated": {"is_active": False},
    "must_change": {"must_change_password": True},
    "erased": {"erased_at": "2026-01-01T00:00Z"},
}


OF_ONE_ROW = (
    "end_session",
    "end_key",
    "grant_introspect",
    "grant_revoke",
    "send_again",
    "send_now",
    "send_fresh_reset",
)


BY_SUPERS = {(by, to) for by, to in TO_USERS if by == "super_admin"}


EXPECTED = {
    "invite": (TO_USERS, False),
    "send_reset": (TO_USERS, False),
    "send_again": (TO_USERS, True),
    "send_now": (TO_USERS, True),
    "send_fresh_reset": (TO_USERS, False),
    "temporary_password": (TO_USERS, False),
    "force_change": (TO_USERS, False),
    "unlock": (TO_USERS, False),
    "end_sessions": (TO_USERS, True),
    "end_session": (TO_USERS, True),
    "deactivate": (TO_USERS, False),
    "reactivate": (TO_USERS, False),
    "change_identifiers": (TO_USERS, True),
    "change_role": (BY_SUPERS, False),
    "erase": (BY_SUPERS, False),
    "end_keys": (TO_USERS, False),
    "end_key": (TO_USERS, False),
    "grant_introspect": (TO_USERS, False),
    "grant_revoke": (TO_USERS, False),
}


def test_every_action_is_in_the_table():
    assert set(ACTIONS) == set(EXPECTED)


@pytest.mark.own_sql
@pytest.mark.parametrize("to", ROLES)
@pytest.mark.parametrize("by", ROLES)
@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_by_every_role_on_every_role(name, by, to):
    operator, user = make("olga", by), make("alice", to)
    make("root", "super_admin")
    arguments = ready(name, user)
    before = state()
    if (by, to) in EXPECTED[name][0]:
        assert actions.carry_out(
            ACTIONS[name], operator=operator, user=user, reason="asked to", **arguments
        )
        ((kind, _, actor, reason),) = events()
        assert (kind, actor, reason.endswith("asked to")) == (ACTIONS[name].kind, "olga", True)
    else:
        with pytest.raises(NotPermitted):
            actions.carry_out(
                ACTIONS[name], operator=operator, user=user, reason="asked to", **arguments
            )
        assert state() == before
        assert events() == [("act_refused", "alice", "olga", name)]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_on_oneself(name, role):
    operator = make("olga", role)
    make("root", "super_admin")
    arguments = ready(name, operator) if name not in ("reactivate", "invite") else {}
    if role == "super_admin" and EXPECTED[name][1]:
        assert actions.carry_out(
            ACTIONS[name], operator=operator, user=operator, reason="mine", **arguments
        )
        return
    before = state()
    with pytest.raises(NotPermitted):
        actions.carry_out(
            ACTIONS[name], operator=operator, user=operator, reason="mine", **arguments
        )
    assert state() == before


@pytest.mark.parametrize("out", OUT)
@pytest.mark.parametrize("name", ACTIONS)
def test_no_action_by_an_operator_who_lost_the_permission_meanwhile(name, out, alice, olga):
    """The database decides, not what the caller read a moment ago."""
    arguments = ready(name, alice)
    if out == "erased":
        User.objects.filter(pk=alice.pk).update(**OUT[out])
    else:
        User.objects.filter(pk=olga.pk).update(**OUT[out])
    before = state()
    with pytest.raises(NotPermitted):
        actions.carry_out(ACTIONS[name], operator=olga, user=alice, reason="asked to", **arguments)
    assert state() == before


@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.dangerous])
def test_no_dangerous_action_without_a_reason(name, reason, alice, olga):
    arguments = ready(name, alice)
    before = state()
    with pytest.raises(MissingReason):
        actions.carry_out(ACTIONS[name], operator=olga, user=alice, reason=reason, **arguments)
    assert state() == before


def test_the_dangerous_actions():
    dangerous = {
        *(
            "temporary_password",
            "deactivate",
            "reactivate",
            "change_identifiers",
            "change_role",
            "erase",
        ),
        *("end_keys", "end_key", "grant_introspect", "grant_revoke"),
    }
    assert {name for name, action in ACTIONS.items() if action.dangerous} == dangerous


@pytest.mark.parametrize(
    "name", sorted(set(ACTIONS) - {"send_reset", "temporary_password", "invite", "erase"})
)
def test_the_second_time_there_is_nothing_to_do(name, alice, olga):
    arguments = ready(name, alice)
    assert actions.carry_out(
        ACTIONS[name], operator=olga, user=alice, reason="asked to", **arguments
    )
    before = events()
    assert (
        actions.carry_out(ACTIONS[name], operator=olga, user=alice, reason="asked to", **arguments)
        is None
    )
    assert events() == before


@pytest.mark.parametrize("name", ACTIONS)
def test_eligibility_says_what_would_happen(name, alice, bob, olga, django_assert_max_num_queries):
    tina = make("tina", "admin")
    stan = make("stan", "admin")
    arguments = ready(name, alice)
    with django_assert_max_num_queries(2):
        found = actions.eligibility(
            ACTIONS[name],
            operator=stan,
            users=User.objects.filter(username__in=["alice", "bob", "tina", "stan"]),
        )
    assert {tina, stan} <= set(found.forbidden)
    for user in (alice, bob):
        eligible = user in found.eligible
        if user == alice and name not in ("erase", "change_role"):
            assert eligible
        if name in (
            *OF_ONE_ROW,
            "change_identifiers",
        ):  # what these do depends on more than the account
            continue
        try:
            done = actions.carry_out(
                ACTIONS[name], operator=stan, user=user, reason="asked to", **arguments
            )
        except NotPermitted:
            assert user in found.forbidden
        else:
            assert bool(done) == eligible


def test_an_action_on_bob_reaches_no_row_of_alice(alice, bob, olga):
    """A session, key or mail of Alice is named in an action on Bob, whom the operator may edit."""
    for name in OF_ONE_ROW:
        arguments = ready(name, alice)
        before = state()
        assert not ACTIONS[name].perform(bob, **arguments)
        assert state() == before
        OutgoingMail.objects.all().delete()
