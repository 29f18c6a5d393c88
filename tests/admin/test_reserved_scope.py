"""Stan is an operator no more: his keys introspect only if an operator granted that."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from accounts.audit import event_messages
from accounts.models import AuditEvent, User
from apikeys.models import APIKey
from tests.admin.actions import confirm_action, open_action
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
BOTH = ["profile", "introspect"]


@pytest.fixture
def token(caller, stan):
    """Stan's own session, which a change of role does not end."""
    return caller.json("/api/auth/login", {"username": "stan", "password": PASSWORD}).json()[
        "token"
    ]


@pytest.fixture
def rotate(caller, token):
    return lambda key: caller.json(f"/api/v1/auth/keys/{key.public_id}/rotate", {}, token)


@pytest.fixture
def make(caller, token):
    """A key that Stan makes for himself."""

    def make(scopes=BOTH):
        made = caller.json("/api/v1/auth/keys", {"scopes": scopes}, token).json()
        return APIKey.objects.get(pk=made["keyId"].removeprefix("key_")), made["apiKey"]

    return make


@pytest.fixture
def introspects(caller):
    return lambda secret: caller.json("/introspect", {"token": "x"}, secret).status_code == 200


def demote(client, user):
    assert confirm_action(client, "change_role", user, role="user").status_code == 302


def demoted_in_the_database(user):
    User.objects.filter(pk=user.pk).update(is_staff=False, is_superuser=False)


def test_a_key_of_a_demoted_operator_introspects_no_longer(
    as_olga, stan, make, introspects, caller
):
    key, secret = make()
    assert introspects(secret)
    demote(as_olga, stan)
    assert not introspects(secret)
    assert caller.get("/api/v1/auth/me", secret).status_code == 200
    assert APIKey.objects.get(pk=key.pk).scope == "profile"
    event = AuditEvent.objects.get(kind="key_scope_lost")
    assert (event.user, event.name, event.data) == (stan, key.public_id, {"scope": "introspect"})
    assert reason_of(event) == "introspect is for operators, and no operator granted it"
    assert event_messages.text(event).startswith(
        f"The API key {key.public_id} of stan lost a scope"
    )


def test_a_key_that_could_do_nothing_else_ends(as_olga, stan, make, caller):
    key, secret = make(["introspect"])
    demote(as_olga, stan)
    assert caller.json("/introspect", {"token": "x"}, secret).status_code == 401
    assert APIKey.objects.get(pk=key.pk).ended_reason == "owner_no_operator"
    assert AuditEvent.objects.get(kind="key_scope_lost").data == {
        "scope": "introspect",
        "ended": True,
    }


def test_granted_scopes_outlive_the_role_also_in_successors(
    as_olga, stan, make, rotate, introspects
):
    (plain, _), (own, _) = made = make(["profile"]), make()
    assert confirm_action(as_olga, "grant_introspect", plain, own).status_code == 200
    demote(as_olga, stan)
    assert all(introspects(secret) for _, secret in made)
    assert not AuditEvent.objects.filter(kind="key_scope_lost").exists()
    shown = rotate(own).json()
    assert (shown["scopes"], introspects(shown["apiKey"])) == (["introspect", "profile"], True)
    successor = APIKey.objects.get(pk=shown["keyId"].removeprefix("key_"))
    assert (
        confirm_action(as_olga, "grant_introspect", successor).context["title"]
        == "Nothing was done."
    )


def test_the_grant_of_one_scope_grants_no_other(as_olga, stan, make, rotate, caller):
    """Both scopes of Stan's own key came with his role; an operator granted one of them."""
    key, secret = make(["introspect", "revoke"])
    opened = [
        caller.json(f"/oauth2/{scope}", {"token": "x"}, secret).status_code
        for scope in ("introspect", "revoke")
    ]
    assert confirm_action(as_olga, "grant_revoke", key).status_code == 302
    demote(as_olga, stan)
    left = [
        caller.json(f"/oauth2/{scope}", {"token": "x"}, secret).status_code
        for scope in ("introspect", "revoke")
    ]
    assert (opened, left) == ([200, 200], [403, 200])
    successor = rotate(key).json()
    assert successor["scopes"] == ["revoke"]
    revoked = caller.json("/oauth2/revoke", {"token": "x"}, successor["apiKey"])
    assert revoked.status_code == 200
    assert AuditEvent.objects.get(kind="key_scope_lost").data == {"scope": "introspect"}


def test_from_admin_to_super_admin_nothing_is_lost(as_olga, stan, make, introspects):
    _, secret = make()
    assert confirm_action(as_olga, "change_role", stan, role="super_admin").status_code == 302
    assert introspects(secret)


def test_a_demotion_in_the_database_is_caught_at_use_and_at_rotation(
    stan, make, rotate, introspects, caller
):
    (key, secret), (alone, _) = make(), make(["introspect"])
    demoted_in_the_database(stan)
    assert not introspects(secret)
    assert caller.get("/api/v1/auth/me", secret).status_code == 200
    shown = rotate(key).json()
    assert (shown["scopes"], introspects(shown["apiKey"])) == (["profile"], False)
    assert rotate(alone).status_code == 403
    assert APIKey.objects.live().filter(pk=alone.pk, rotated_at=None).exists()


def test_the_page_says_which_keys_lose_what(as_olga, stan, alice, make):
    (both, _), (alone, _), (granted, _), _ = make(), make(["introspect"]), make(), make(["profile"])
    confirm_action(as_olga, "grant_introspect", granted)
    (names,) = open_action(as_olga, "change_role", stan, alice).context["effects"]
    assert "lose scopes of operators" in names.heading
    assert set(names.shown) == {
        f"the key {both.public_id} “API key” of stan: keeps profile",
        f"the key {alone.public_id} “API key” of stan: ends, since it has no other scope",
    }
    assert open_action(as_olga, "change_role", alice).context["effects"] == []


def test_keys_of_earlier_releases_keep_what_they_have(as_olga, stan, bob, make, introspects):
    """Anybody could ask for it then."""
    (_, secret), (_, his) = make(), APIKey.objects.issue(bob.pk, scopes=BOTH)
    APIKey.objects.issue(bob.pk)
    import_module("apikeys.migrations.0004_granted_scopes").keep(apps, connection.schema_editor())
    demote(as_olga, stan)
    assert introspects(secret)
    assert introspects(his)
    assert APIKey.objects.filter(granted_at=None).count() == 1
