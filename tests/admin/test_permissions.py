"""Permissions in the admin site: every model and action, for every role.

The tables name all that is registered, or the first tests fail: models, actions of their lists.
"""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.urls import reverse
from django.utils.timezone import now

from accounts import keyring, sessions
from accounts.admin import action_registry
from accounts.audit import audit_log
from accounts.mail import outbox
from accounts.models import AuditEvent, OutgoingMail, Session, SigningKey, User
from apikeys import providers
from apikeys.models import APIKey, ProviderCredential
from authsvc.contracts import bearer
from tests.admin.actions import confirm_action, lock
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


NO_ROLES: set[str] = set()
SUPERS = {"super_admin"}
ADMINS = SUPERS | {"admin"}
ROLES = ("anonymous", "user", "admin", "super_admin")


# Model and owner of the row → roles that may do it. No role may do what is not named.
TABLE = {
    "accounts.user": {
        "of a user": {"list": ADMINS, "view": ADMINS, "add": ADMINS, "change": ADMINS},
        "of an admin": {"list": ADMINS, "view": ADMINS, "add": ADMINS, "change": SUPERS},
        "of a super admin": {"list": ADMINS, "view": ADMINS, "add": ADMINS, "change": SUPERS},
    },
    "accounts.session": {
        "of a user": {"list": ADMINS, "view": ADMINS},
        "of an admin": {"list": ADMINS, "view": ADMINS},
    },
    "accounts.outgoingmail": {
        "of a user": {"list": ADMINS, "view": ADMINS},
        "of an admin": {"list": ADMINS, "view": ADMINS},
    },
    "accounts.auditevent": {"of a user": {"list": ADMINS, "view": ADMINS}},
    "accounts.signingkey": {"": {"list": SUPERS, "view": SUPERS}},
    "apikeys.apikey": {
        "of a user": {"list": ADMINS, "view": ADMINS},
        "of an admin": {"list": ADMINS, "view": ADMINS},
    },
    "apikeys.providercredential": {
        "": {"list": SUPERS, "view": SUPERS, "add": SUPERS, "change": SUPERS, "delete": SUPERS}
    },
}


# Model → action of its list → roles that may do it to rows of a user, and to rows of an admin.
ACTIONS = {
    "accounts.user": {
        "invite": (ADMINS, SUPERS),
        "send_reset": (ADMINS, SUPERS),
        "unlock": (ADMINS, SUPERS),
        "force_change": (ADMINS, SUPERS),
        "end_sessions": (ADMINS, SUPERS),
        "temporary_password": (ADMINS, SUPERS),
        "change_identifiers": (ADMINS, SUPERS),
        "change_role": (SUPERS, SUPERS),
        "deactivate": (ADMINS, SUPERS),
        "reactivate": (ADMINS, SUPERS),
        "end_keys": (ADMINS, SUPERS),
        "erase": (SUPERS, SUPERS),
    },
    "accounts.session": {"end_session": (ADMINS, SUPERS)},
    "accounts.outgoingmail": dict.fromkeys(
        ("send_again", "send_now", "send_fresh_reset"), (ADMINS, SUPERS)
    ),
    "accounts.auditevent": {},
    "accounts.signingkey": {},
    "apikeys.apikey": {
        "end_key": (ADMINS, SUPERS),
        "grant_introspect": (ADMINS, SUPERS),
        "grant_revoke": (ADMINS, SUPERS),
    },
    "apikeys.providercredential": {},
}


VERBS = ("list", "view", "add", "change", "delete")


CASES = [
    (model, whose, verb, by)
    for model, rows in TABLE.items()
    for whose in rows
    for verb in VERBS
    for by in ROLES
]


ACTION_CASES = [
    (model, name, whose, by)
    for model, actions in ACTIONS.items()
    for name in actions
    for whose in ("of a user", "of an admin")
    for by in ROLES
]


@pytest.fixture
def by(request, client):
    """The browser of a user with this role."""
    if request.param != "anonymous":
        flags = {"is_staff": request.param in ADMINS, "is_superuser": request.param in SUPERS}
        client.force_login(User.objects.create_user("olga", PASSWORD, **flags))
    return client


def row(model, whose):
    """A row of this model that there is something to do to."""
    flags = {
        "is_staff": whose in ("of an admin", "of a super admin"),
        "is_superuser": whose == "of a super admin",
    }
    owner = User.objects.create_user("alice", PASSWORD, email="alice@example.com", **flags)
    return {
        "accounts.user": lambda: owner,
        "accounts.session": lambda: session(owner),
        "accounts.outgoingmail": lambda: failed_mail(owner),
        "accounts.auditevent": lambda: event(owner),
        "accounts.signingkey": lambda: (
            keyring.reload(),
            session(owner),
            SigningKey.objects.first(),
        )[-1],
        "apikeys.apikey": lambda: APIKey.objects.issue(owner.pk)[0],
        "apikeys.providercredential": credential,
    }[model]()


def session(owner):
    return Session.objects.get(
        pk=sessions.open_session(bearer.contract.policy, owner.username, PASSWORD).session_id
    )


def failed_mail(owner):
    outbox.put(outbox.Template.RESET, identifier=owner.username, user=owner)
    OutgoingMail.objects.update(status="failed", closed_at=now())
    return OutgoingMail.objects.get()


def event(owner):
    audit_log.record(audit_log.Kind.LOGIN_FAILED, user=owner, reason="wrong_password")
    return AuditEvent.objects.get(user=owner)


def credential():
    providers.store(ProviderCredential(provider="nvidia"), "nvapi-of-sixteen-and-more")
    return ProviderCredential.objects.get()


def send(client, found, verb):
    """Send the request of a browser for this, with or without a page that offers it."""
    meta = found._meta
    name = {"list": "changelist", "view": "change"}.get(verb, verb)
    path = reverse(
        f"admin:{meta.app_label}_{meta.model_name}_{name}",
        args=[] if verb in ("list", "add") else [found.pk],
    )
    if verb in ("list", "view"):
        return client.get(path)
    sent = {
        "post": "yes",
        "username": "renamed",
        "name": "Renamed",
        "first_password": "temporary",
        "provider": "aws",
        "reason": "ticket 7",
        "password": PASSWORD,
    }
    if verb == "change":
        return client.post(path, sent | {"secret": "nvapi-another-of-sixteen"})
    return client.post(
        path,
        sent
        | {
            "key_id": "AKIAIOSFODNN7EXAMPLE",
            "region": "eu-north-1",
            "secret": "one/of/forty/letters",
        },
    )


def stored():
    """Return all rows of these tables, each as a tuple."""
    models = (User, Session, OutgoingMail, SigningKey, APIKey, ProviderCredential)
    return [rows_of(model._meta.db_table, model._meta.pk.column) for model in models]


def rows_of(table, key):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 (names of our own)
        return cursor.fetchall()


def ready(name, found):
    """There is something to do."""
    if name == "invite":
        User.objects.filter(pk=found.pk).update(password="!")
    if name == "reactivate":
        User.objects.filter(pk=found.pk).update(is_active=False)
    if name == "end_sessions":
        session(found)
    if name == "end_keys":
        APIKey.objects.issue(found.pk)
    if name == "unlock":
        lock(found.username)
    if name == "send_now":
        OutgoingMail.objects.update(
            status="waiting", closed_at=None, next_try_at=now() + timedelta(hours=1)
        )
    if name == "send_fresh_reset":
        OutgoingMail.objects.update(created_at=now() - timedelta(days=2))
    found.refresh_from_db()


def test_every_model_is_in_the_table():
    registered = {model._meta.label_lower for model in admin.site._registry}
    assert registered == set(TABLE) == set(ACTIONS)


def test_every_action_is_in_the_table(rf, olga):
    request = rf.get("/")
    request.user = olga
    for model, model_admin in admin.site._registry.items():
        assert set(model_admin.get_actions(request)) == set(ACTIONS[model._meta.label_lower]), model
        offered = {offer.name for offer in action_registry.for_model(model)}
        assert offered <= set(ACTIONS[model._meta.label_lower]), model


@pytest.mark.parametrize(("model", "whose", "verb", "by"), CASES, indirect=["by"])
def test_every_model_by_every_role(request, by, model, whose, verb):
    role = request.node.callspec.params["by"]
    found = row(model, whose)
    before = stored()
    answer = send(by, found, verb)
    if role in TABLE[model][whose].get(verb, NO_ROLES):
        assert answer.status_code in (200, 302)
        assert "/login/" not in answer.get("Location", "")
        assert (stored() == before) == (verb in ("list", "view"))
    else:
        refused = 403 if role in ADMINS else 302
        assert answer.status_code == refused
        assert stored() == before


@pytest.mark.own_sql
@pytest.mark.parametrize(("model", "name", "whose", "by"), ACTION_CASES, indirect=["by"])
def test_every_action_by_every_role(request, by, model, name, whose):
    role = request.node.callspec.params["by"]
    found = row(model, whose)
    ready(name, found)
    before = stored()
    allowed = role in ACTIONS[model][name][whose == "of an admin"]
    answer = confirm_action(
        by,
        name,
        found,
        role="user" if whose == "of an admin" else "admin",
        username="renamed",
        email="renamed@example.com",
    )
    if allowed:
        assert answer.status_code in (200, 302)
        assert (
            AuditEvent.objects.filter(actor__username="olga").exclude(kind="act_refused").exists()
        )
    else:
        assert answer.status_code == (403 if role in ADMINS else 302)
        assert [rows for rows in stored() if rows not in before] == []


@pytest.mark.parametrize("by", ROLES, indirect=True)
@pytest.mark.parametrize("model", ACTIONS)
def test_every_list_offers_the_permitted_actions(request, by, model):
    role = request.node.callspec.params["by"]
    found = row(model, "of a user")
    answer = send(by, found, "list")
    form = answer.context.get("action_form") if answer.status_code == 200 else None
    offered = {value for value, _ in form.fields["action"].choices if value} if form else set()
    assert offered == {name for name, (of_users, _) in ACTIONS[model].items() if role in of_users}
