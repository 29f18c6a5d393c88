"""Users that operators add, invite and edit."""

import pytest

from accounts.errors import (
    EmailDisabled,
    NotPermitted,
)
from accounts.mail import delivery
from accounts.models import User
from accounts.operators import user_management
from tests.conftest import PASSWORD
from tests.operators import ROLES, TO_USERS, events, make, state

pytestmark = pytest.mark.usefixtures("db")


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


@pytest.fixture
def carol(olga, mailoutbox):
    carol = user_management.invite(User(username="carol", email="carol@example.com"), operator=olga)
    delivery.deliver_due()
    return carol
