"""What operators may do, whoever calls: every act, by everybody, to everybody; and what is remembered of it."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts import passwords, rate_limits, sessions
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
from accounts.operators import actions
from apikeys import operator_actions as key_operators
from apikeys.models import APIKey
from authsvc.contracts import bearer
from tests.audit_events import told
from tests.concurrency import at_once
from tests.conftest import PASSWORD
from tests.reset_mails import code_in, token_in

pytestmark = pytest.mark.usefixtures("db")
ACTS = {
    act.name: act
    for module in (actions, key_operators)
    for act in vars(module).values()
    if isinstance(act, actions.Act)
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

# Who may do it to whom, and whether to oneself: "user", "admin" and "super_admin" are the roles of both.
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


def ready(name, person):
    """Something for this act to do, and what it has to be told."""
    if name == "invite":
        User.objects.filter(pk=person.pk).update(password="!")
    if name == "unlock":
        lock(person.username)
    if name == "reactivate":
        User.objects.filter(pk=person.pk).update(is_active=False)
    if name == "change_identifiers":
        return {"username": "renamed", "email": "renamed@example.com"}
    if name == "change_role":
        return {"role": "user" if person.is_staff else "admin"}
    if name == "end_session":
        return {"session": str(log_in(person.username).session_id)}
    if name == "end_sessions":
        log_in(person.username)
    if name == "send_again":
        return {"mail": str(given_up(person).pk)}
    if name == "send_fresh_reset":
        return {"mail": str(given_up(person, created_at=now() - timedelta(days=1)).pk)}
    if name == "send_now":
        return {"mail": str(put_off(person).pk)}
    if name in ("end_keys", "end_key", "grant_introspect"):
        key, _ = APIKey.objects.issue(person.pk)
        return {} if name == "end_keys" else {"key": key.pk}
    return {}


def log_in(username):
    return sessions.open_session(bearer.contract, username, PASSWORD)


def lock(name):
    for _ in range(11):
        with pytest.raises((InvalidCredentials, TooManyAttempts)), rate_limits.login_attempt(name):
            raise InvalidCredentials


def given_up(person, **fields):
    outbox.put(outbox.Kind.RESET, typed=person.username, user=person)
    OutgoingMail.objects.update(fate="failed", closed_at=now(), **fields)
    return OutgoingMail.objects.get()


def put_off(person):
    outbox.put(outbox.Kind.RESET, typed=person.username, user=person)
    OutgoingMail.objects.get().put_off("451 4.7.1 Later")
    return OutgoingMail.objects.get()


def state():
    """All that an act could have changed."""
    kept: list[Any] = [User, Session, APIKey, OutgoingMail, PasswordReset]
    return [list(model.objects.order_by("pk").values()) for model in kept]


def events():
    """What the trail says that operators did."""
    found = AuditEvent.objects.exclude(actor=None).order_by("pk")
    return [
        (event.kind, event.name, event.actor and event.actor.username, told(event))
        for event in found
    ]


def test_every_act_is_in_the_table():
    assert set(ACTS) == set(EXPECTED)


@pytest.mark.parametrize("to", ROLES)
@pytest.mark.parametrize("by", ROLES)
@pytest.mark.parametrize("name", ACTS)
def test_every_act_by_everybody_to_everybody(name, by, to):
    operator, person = make("olga", by), make("alice", to)
    make("root", "super_admin")
    told = ready(name, person)
    before = state()
    if (by, to) in EXPECTED[name][0]:
        assert actions.carry_out(
            ACTS[name], operator=operator, person=person, reason="asked to", **told
        )
        ((kind, _, actor, reason),) = events()
        assert (kind, actor, reason.endswith("asked to")) == (ACTS[name].kind, "olga", True)
    else:
        with pytest.raises(NotPermitted):
            actions.carry_out(
                ACTS[name], operator=operator, person=person, reason="asked to", **told
            )
        assert state() == before
        assert events() == [("act_refused", "alice", "olga", name)]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ACTS)
def test_every_act_upon_oneself(name, role):
    operator = make("olga", role)
    make("root", "super_admin")
    told = ready(name, operator) if name not in ("reactivate", "invite") else {}
    if role == "super_admin" and EXPECTED[name][1]:
        assert actions.carry_out(
            ACTS[name], operator=operator, person=operator, reason="mine", **told
        )
        return
    before = state()
    with pytest.raises(NotPermitted):
        actions.carry_out(ACTS[name], operator=operator, person=operator, reason="mine", **told)
    assert state() == before


@pytest.mark.parametrize("out", OUT)
@pytest.mark.parametrize("name", ACTS)
def test_no_act_by_an_operator_who_is_out_since(name, out, alice, olga):
    """By what the database says now, and not by what the caller read a moment ago."""
    told = ready(name, alice)
    if out == "erased":
        User.objects.filter(pk=alice.pk).update(**OUT[out])
    else:
        User.objects.filter(pk=olga.pk).update(**OUT[out])
    before = state()
    with pytest.raises(NotPermitted):
        actions.carry_out(ACTS[name], operator=olga, person=alice, reason="asked to", **told)
    assert state() == before


@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize("name", [name for name, act in ACTS.items() if act.dangerous])
def test_no_dangerous_act_without_a_reason(name, reason, alice, olga):
    told = ready(name, alice)
    before = state()
    with pytest.raises(MissingReason):
        actions.carry_out(ACTS[name], operator=olga, person=alice, reason=reason, **told)
    assert state() == before


def test_the_dangerous_acts():
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
    assert {name for name, act in ACTS.items() if act.dangerous} == dangerous


@pytest.mark.parametrize(
    "name", sorted(set(ACTS) - {"send_reset", "temporary_password", "invite", "erase"})
)
def test_the_second_time_there_is_nothing_to_do(name, alice, olga):
    told = ready(name, alice)
    assert actions.carry_out(ACTS[name], operator=olga, person=alice, reason="asked to", **told)
    before = events()
    assert (
        actions.carry_out(ACTS[name], operator=olga, person=alice, reason="asked to", **told)
        is None
    )
    assert events() == before


@pytest.mark.parametrize("name", ACTS)
def test_a_verdict_says_what_would_happen(name, alice, bob, olga, django_assert_max_num_queries):
    tina = make("tina", "admin")
    stan = make("stan", "admin")
    told = ready(name, alice)
    with django_assert_max_num_queries(2):
        verdict = actions.judge(
            ACTS[name],
            operator=stan,
            people=User.objects.filter(username__in=["alice", "bob", "tina", "stan"]),
        )
    assert {tina, stan} <= set(verdict.forbidden)
    for person in (alice, bob):
        fitting = person in verdict.fitting
        if person == alice and name not in ("erase", "change_role"):
            assert fitting
        if name in (
            *OF_ONE_ROW,
            "change_identifiers",
        ):  # what these do depends on more than the account
            continue
        try:
            done = actions.carry_out(
                ACTS[name], operator=stan, person=person, reason="asked to", **told
            )
        except NotPermitted:
            assert person in verdict.forbidden
        else:
            assert bool(done) == fitting


def test_nothing_that_is_not_his_can_be_named_with_an_act_upon_him(alice, bob, olga):
    """A session, key or mail of Alice's, named in an act upon Bob, whom the operator may touch."""
    for name in OF_ONE_ROW:
        told = ready(name, alice)
        before = state()
        assert not ACTS[name].perform(bob, **told)
        assert state() == before
        OutgoingMail.objects.all().delete()


# Made, invited, edited


@pytest.mark.parametrize(
    ("role", "made"), [("user", False), ("admin", True), ("super_admin", True)]
)
def test_who_adds_accounts(role, made):
    operator = make("olga", role)
    if made:
        password = actions.create_with_temporary_password(User(username="carol"), operator=operator)
        carol = User.objects.get(username="carol")
        assert (carol.check_password(password), carol.must_change_password, carol.role) == (
            True,
            True,
            "user",
        )
        assert events() == [("account_changed", "carol", "olga", "created")]
    else:
        with pytest.raises(NotPermitted):
            actions.create_with_temporary_password(User(username="carol"), operator=operator)
        assert not User.objects.filter(username="carol").exists()
        assert events() == [("act_refused", "carol", "olga", "create")]


@pytest.mark.parametrize("flags", [{"is_staff": True}, {"is_superuser": True}])
def test_nobody_adds_an_operator(olga, flags):
    for add in (actions.invite, actions.create_with_temporary_password):
        with pytest.raises(NotPermitted):
            add(User(username="carol", email="carol@example.com", **flags), operator=olga)
    assert not User.objects.filter(username="carol").exists()


def test_nobody_adds_an_account_that_is_there(olga, alice):
    with pytest.raises(NotPermitted):
        actions.create(alice, operator=olga, password="three blue lamps")
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


@pytest.mark.parametrize(("enabled", "email"), [(False, "carol@example.com"), (True, None)])
def test_an_invitation_that_cannot_be_sent_makes_no_account(olga, settings, enabled, email):
    settings.EMAILS_ENABLED = enabled
    with pytest.raises(EmailDisabled):
        actions.invite(User(username="carol", email=email), operator=olga)
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
        "epoch",
        "uuid",
        "id",
    ],
)
def test_no_edit_changes_more_than_a_profile(olga, alice, field):
    before = state()
    with pytest.raises(NotPermitted):
        actions.edit(alice, operator=olga, changed=["name", field])
    assert state() == before
    assert events() == [("act_refused", "alice", "olga", "edit")]


def test_an_edit_saves_what_was_named_and_nothing_else(olga, alice):
    alice.name, alice.organization, alice.is_superuser = "Alice L.", "Wonderland", True
    actions.edit(alice, operator=olga, changed=["name"])
    alice.refresh_from_db()
    assert (alice.name, alice.organization, alice.is_superuser) == ("Alice L.", "", False)
    assert events() == [("account_changed", "alice", "olga", "name")]


@pytest.mark.parametrize(
    ("by", "to", "allowed"), [(by, to, (by, to) in TO_USERS) for by in ROLES for to in ROLES]
)
def test_who_edits_whom(by, to, allowed):
    operator, person = make("olga", by), make("alice", to)
    person.name = "Changed"
    if not allowed:
        with pytest.raises(NotPermitted):
            actions.edit(person, operator=operator, changed=["name"])
    else:
        actions.edit(person, operator=operator, changed=["name"])
    assert User.objects.filter(name="Changed").exists() == allowed


# Invitations


@pytest.fixture
def carol(olga, mailoutbox):
    carol = actions.invite(User(username="carol", email="carol@example.com"), operator=olga)
    delivery.deliver_due()
    return carol


def ask_for_reset(count=1):
    for _ in range(count):
        passwords.ask_for_reset("carol")
    delivery.deliver_due()


def test_an_invitation_holds_for_a_week_and_says_until_when(carol, mailoutbox, settings):
    reset = PasswordReset.objects.get()
    assert abs(reset.expires_at - reset.created_at - settings.INVITATION_LIFETIME) < timedelta(
        seconds=1
    )
    assert f"{reset.expires_at:%Y}" in mailoutbox[0].body
    assert not AuditEvent.objects.filter(kind="reset_asked").exists()
    assert passwords.find_reset(token_in(mailoutbox[0])).user == carol


def test_an_invitation_is_used_once(carol, mailoutbox):
    token = token_in(mailoutbox[0])
    passwords.reset_by_token(token, "three blue lamps")
    carol.refresh_from_db()
    assert (carol.check_password("three blue lamps"), carol.must_change_password) == (True, False)
    with pytest.raises(InvalidReset):
        passwords.reset_by_token(token, "four green lamps")


def test_what_strangers_do_ends_no_invitation(carol, mailoutbox):
    """Whoever knows her name can ask for reset mails and guess at codes."""
    ask_for_reset(7)
    for _ in range(6):
        with pytest.raises(InvalidCode):
            passwords.reset_by_code("carol", "abcdefgh", "three blue lamps")
    assert passwords.find_reset(token_in(mailoutbox[0])).user == carol


def test_an_invitation_has_no_code(carol):
    for code in ("", "abcdefgh"):
        with pytest.raises(InvalidCode):
            passwords.reset_by_code("carol", code, "three blue lamps")


def test_the_hourly_cap_is_for_what_anybody_may_ask_for(carol, olga, mailoutbox):
    ask_for_reset(7)
    assert OutgoingMail.objects.filter(fate="enough").count() == 2
    actions.carry_out(actions.INVITE, operator=olga, person=carol)
    delivery.deliver_due()
    assert mailoutbox[-1].subject == "Your account at authsvc"


def test_invitations_leave_the_hours_resets_to_her(carol, olga, mailoutbox):
    for _ in range(6):
        actions.carry_out(actions.INVITE, operator=olga, person=carol)
    delivery.deliver_due()
    ask_for_reset()
    assert code_in(mailoutbox[-1], carol)
    assert not OutgoingMail.objects.filter(fate="enough").exists()


def test_a_new_invitation_voids_the_one_before(carol, olga, mailoutbox):
    actions.carry_out(actions.INVITE, operator=olga, person=carol)
    delivery.deliver_due()
    first, second = mailoutbox
    with pytest.raises(InvalidReset):
        passwords.find_reset(token_in(first))
    assert passwords.find_reset(token_in(second)).user == carol


def test_nobody_is_invited_who_has_a_password_by_the_time_of_sending(carol, olga, mailoutbox):
    actions.carry_out(actions.INVITE, operator=olga, person=carol)
    passwords.reset_by_token(token_in(mailoutbox[0]), "three blue lamps")
    mailoutbox.clear()
    delivery.deliver_due()
    assert [mail.subject for mail in mailoutbox] == ["You have chosen your password for authsvc"]
    assert OutgoingMail.objects.filter(kind="invitation", fate="nobody").count() == 1


# Races


@pytest.mark.django_db(transaction=True)
def test_of_two_super_admins_who_demote_each_other_one_stays(transactional_db):
    olga, tina = make("olga", "super_admin"), make("tina", "super_admin")
    start, refused = threading.Barrier(2), []

    def demote(operator, person):
        start.wait()
        try:
            actions.carry_out(
                actions.CHANGE_ROLE,
                operator=operator,
                person=person,
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
def test_of_super_admins_who_turn_on_one_another_one_can_go_on_and_each_act_or_refusal_is_on_record(
    transactional_db, name, count
):
    """In a circle: whoever comes second is no operator any more, and not somebody whom the database stopped for waiting in a circle."""
    for number in range(4):
        User.objects.update(is_superuser=False)
        crew = [make(f"{letter}{number}", "super_admin") for letter in "xyz"[:count]]
        mutiny = partial(actions.carry_out, ACTS[name], reason="mutiny", **MUTINIES[name])
        answers = at_once(
            *[
                partial(mutiny, operator=crew[place - 1], person=person)
                for place, person in enumerate(crew)
            ]
        )
        assert {type(answer) for answer in answers} == {actions.Outcome, NotPermitted}
        assert any(actions.may_run(one) for one in User.objects.filter(is_superuser=True))
        told = AuditEvent.objects.order_by("-pk").values_list("kind", flat=True)[:count]
        assert sorted(told) == sorted(
            "act_refused" if isinstance(answer, NotPermitted) else ACTS[name].kind
            for answer in answers
        )
        assert AuditEvent.objects.count() == (number + 1) * count


@pytest.mark.django_db(transaction=True)
def test_what_is_done_to_one_person_at_once_is_done_whole_and_each_on_record(transactional_db):
    """Also beside logins: each opens a session that an act ends, or is refused; and the trail has all of it."""
    olga, stan = make("olga", "super_admin"), make("stan", "admin")
    for number in range(4):
        person = make(f"person{number}", "user")
        acts = [
            (actions.GIVE_TEMPORARY_PASSWORD, stan),
            (actions.DEACTIVATE, olga),
            (actions.DEACTIVATE, stan),
        ]
        begun = [
            partial(actions.carry_out, act, operator=by, person=person, reason="asked to")
            for act, by in acts
        ]
        logins = [partial(log_in, person.username)] * 3
        answers = at_once(*begun, *logins) if number % 2 else at_once(*logins, *begun)[::-1]
        outcomes = [bool(answer) for answer in answers[:3]]
        opened = [isinstance(answer, sessions.Grant) for answer in answers[3:]]
        assert {type(answer) for answer in answers[3:]} <= {
            sessions.Grant,
            InvalidCredentials,
            PasswordChangeRequired,
        }
        kinds = [*AuditEvent.objects.filter(user=person).values_list("kind", flat=True)]
        assert (
            kinds.count("deactivated")
            == outcomes.count(True) - kinds.count("temporary_password")
            == 1
        )
        assert (kinds.count("login"), kinds.count("login_failed")) == (
            opened.count(True),
            opened.count(False),
        )
        assert not person.sessions.live().exists()
        person.refresh_from_db()
        assert (person.is_active, person.must_change_password) == (
            False,
            "temporary_password" in kinds,
        )
