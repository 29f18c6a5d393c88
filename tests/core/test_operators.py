"""Actions of operators: each by every role on every role, and its audit event."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts import issued_tokens, password_reset, rate_limits, request_context, sessions
from accounts.errors import (
    EmailDisabled,
    InvalidCode,
    InvalidCredentials,
    InvalidReset,
    MissingReason,
    NotPermitted,
    PasswordChangeRequired,
    TooManyAttempts,
)
from accounts.mail import delivery, outbox
from accounts.models import AuditEvent, OutgoingMail, PasswordReset, Session, User
from accounts.operators import actions, mail_actions, permissions, user_actions, user_management
from accounts.operators.actions import Action
from apikeys import operator_actions as key_actions
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.audit_events import told
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.usefixtures("db")
ACTIONS = {
    action.name: action
    for module in (user_actions, mail_actions, key_actions)
    for action in vars(module).values()
    if isinstance(action, Action)
}
ROLES = {"user": (False, False), "admin": (True, False), "super_admin": (True, True)}
OUT: dict[str, dict[str, Any]] = {
    "deactivated": {"is_active": False},
    "must_change": {"must_change_password": True},
    "erased": {"erased_at": "2026-01-01T00:00Z"},
}

OF_ONE_ROW = (
    "end_session",
    "end_key",
    "grant_introspect",
    "send_again",
    "send_now",
    "send_fresh_reset",
)

# Pairs of roles (operator, user) that are permitted; whether operators may do it to themselves.
TO_USERS = {
    ("admin", "user"),
    ("super_admin", "user"),
    ("super_admin", "admin"),
    ("super_admin", "super_admin"),
}
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
}


def make(username, role, **fields):
    is_staff, is_superuser = ROLES[role]
    email = f"{username}@example.com"
    return User.objects.create_user(
        username, PASSWORD, email=email, is_staff=is_staff, is_superuser=is_superuser, **fields
    )


def ready(name, user):
    """Make something for this action to do; return the arguments that it needs."""
    if name == "invite":
        User.objects.filter(pk=user.pk).update(password="!")
    if name == "unlock":
        lock(user.username)
    if name == "reactivate":
        User.objects.filter(pk=user.pk).update(is_active=False)
    if name == "change_identifiers":
        return {"username": "renamed", "email": "renamed@example.com"}
    if name == "change_role":
        return {"role": "user" if user.is_staff else "admin"}
    if name == "end_session":
        return {"session": str(log_in(user.username).session_id)}
    if name == "end_sessions":
        log_in(user.username)
    if name == "send_again":
        return {"mail": str(failed(user).pk)}
    if name == "send_fresh_reset":
        return {"mail": str(failed(user, created_at=now() - timedelta(days=1)).pk)}
    if name == "send_now":
        return {"mail": str(put_off(user).pk)}
    if name in ("end_keys", "end_key", "grant_introspect"):
        key, _ = APIKey.objects.issue(user.pk)
        return {} if name == "end_keys" else {"key": key.pk}
    return {}


def log_in(username):
    return sessions.open_session(bearer.contract.policy, username, PASSWORD)


def lock(name):
    for _ in range(11):
        with pytest.raises((InvalidCredentials, TooManyAttempts)), rate_limits.login_attempt(name):
            raise InvalidCredentials


def failed(user, **fields):
    outbox.put(outbox.Template.RESET, identifier=user.username, user=user)
    OutgoingMail.objects.update(status="failed", closed_at=now(), **fields)
    return OutgoingMail.objects.get()


def put_off(user):
    outbox.put(outbox.Template.RESET, identifier=user.username, user=user)
    OutgoingMail.objects.get().put_off("451 4.7.1 Later")
    return OutgoingMail.objects.get()


def state():
    """Return all rows that an action could have changed."""
    kept: list[Any] = [User, Session, APIKey, OutgoingMail, PasswordReset]
    return [list(model.objects.order_by("pk").values()) for model in kept]


def events():
    """Return what the audit log says that operators did."""
    found = AuditEvent.objects.exclude(actor=None).order_by("pk")
    return [
        (event.kind, event.name, event.actor and event.actor.username, told(event))
        for event in found
    ]


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
        *("end_keys", "end_key", "grant_introspect"),
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


# Created, invited, edited


@pytest.mark.parametrize(
    ("role", "made"), [("user", False), ("admin", True), ("super_admin", True)]
)
def test_admins_add_accounts_and_users_do_not(role, made):
    operator = make("olga", role)
    if made:
        password = user_management.create_with_temporary_password(
            User(username="carol"), operator=operator
        )
        carol = User.objects.get(username="carol")
        assert (carol.check_password(password), carol.must_change_password, carol.role) == (
            True,
            True,
            "user",
        )
        assert events() == [("account_changed", "carol", "olga", "created")]
    else:
        with pytest.raises(NotPermitted):
            user_management.create_with_temporary_password(
                User(username="carol"), operator=operator
            )
        assert not User.objects.filter(username="carol").exists()
        assert events() == [("act_refused", "carol", "olga", "create")]


@pytest.mark.parametrize("flags", [{"is_staff": True}, {"is_superuser": True}])
def test_no_operator_adds_an_operator(olga, flags):
    for add in (user_management.invite, user_management.create_with_temporary_password):
        with pytest.raises(NotPermitted):
            add(User(username="carol", email="carol@example.com", **flags), operator=olga)
    assert not User.objects.filter(username="carol").exists()


def test_no_operator_adds_an_account_that_exists(olga, alice):
    with pytest.raises(NotPermitted):
        user_management.create(alice, operator=olga, password="three blue lamps")
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize(("enabled", "email"), [(False, "carol@example.com"), (True, None)])
def test_an_invitation_that_cannot_be_sent_makes_no_account(olga, settings, enabled, email):
    settings.EMAILS_ENABLED = enabled
    with pytest.raises(EmailDisabled):
        user_management.invite(User(username="carol", email=email), operator=olga)
    assert not User.objects.filter(username="carol").exists()
    assert events() == []


@pytest.mark.parametrize(
    "field",
    [
        "is_staff",
        "is_superuser",
        "is_active",
        "must_change_password",
        "password",
        "credential_version",
        "uuid",
        "id",
    ],
)
def test_no_edit_changes_more_than_a_profile(olga, alice, field):
    before = state()
    with pytest.raises(NotPermitted):
        user_management.edit(alice, operator=olga, changed=["name", field])
    assert state() == before
    assert events() == [("act_refused", "alice", "olga", "edit")]


def test_an_edit_saves_what_was_named_and_nothing_else(olga, alice):
    alice.name, alice.organization, alice.is_superuser = "Alice L.", "Wonderland", True
    user_management.edit(alice, operator=olga, changed=["name"])
    alice.refresh_from_db()
    assert (alice.name, alice.organization, alice.is_superuser) == ("Alice L.", "", False)
    assert events() == [("account_changed", "alice", "olga", "name")]


@pytest.mark.parametrize(
    ("by", "to", "allowed"), [(by, to, (by, to) in TO_USERS) for by in ROLES for to in ROLES]
)
def test_admins_edit_users_and_super_admins_edit_all(by, to, allowed):
    operator, user = make("olga", by), make("alice", to)
    user.name = "Changed"
    if not allowed:
        with pytest.raises(NotPermitted):
            user_management.edit(user, operator=operator, changed=["name"])
    else:
        user_management.edit(user, operator=operator, changed=["name"])
    assert User.objects.filter(name="Changed").exists() == allowed


# Invitations


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


def test_what_strangers_do_ends_no_invitation(carol, mailoutbox):
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


# Races


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
    """In a circle: the second one is refused as no operator, not stopped by a deadlock."""
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
    """Also beside logins: each opens a session that an action ends, or is refused."""
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
