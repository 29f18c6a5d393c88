"""Olga runs the place; Stan may work in the admin, and no more."""

import re

import pytest
from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.urls import reverse

from accounts import sessions
from accounts.errors import InvalidToken
from accounts.models import AuditEvent, Session, User
from authsvc.contracts import bearer
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST, ADD, LOGIN, INDEX = (reverse(f"admin:{name}") for name in ("accounts_user_changelist", "accounts_user_add", "login", "index"))
TEMPORARY = "told by the operator"


@pytest.fixture
def stan():
    return User.objects.create_user("stan", PASSWORD, is_staff=True)


@pytest.fixture
def as_olga(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture
def as_stan(client, stan):
    client.force_login(stan)
    return client


def page(user, name="change"):
    return reverse(f"admin:{'auth_user_password_change' if name == 'password' else f'accounts_user_{name}'}", args=[user.pk])


def fields(user, **changes):
    """What the change form sends for this account."""
    usual = {"username": user.username, "email": user.email or "", "name": user.name, "organization": "", "aws_region": ""}
    flags = {name: "on" for name in ("is_active", "is_staff", "is_superuser", "must_change_password") if getattr(user, name)}
    return {name: value for name, value in (usual | flags | changes).items() if value is not None}


def new(username="carol", password=TEMPORARY, **more):
    return {"username": username, "password1": password, "password2": password, **more}


def log_in(username="alice", password=PASSWORD):
    return sessions.open_session(bearer.contract, username, password)


def sign_in(client, username="olga", password=PASSWORD, **more):
    return client.post(LOGIN, {"username": username, "password": password, "next": INDEX}, **more)


def signed_in(client):
    return client.get(INDEX).status_code == 200


# Accounts


def test_olga_makes_an_account_with_a_temporary_password(as_olga, olga, caller):
    answer = as_olga.post(ADD, new("Carol ", email="Carol@Example.com", name="Carol Danvers"))
    carol = User.objects.get(username="carol")
    assert (answer.status_code, carol.email, carol.name, carol.must_change_password) == (302, "carol@example.com", "Carol Danvers", True)
    assert (carol.role, carol.is_active) == ("user", True)
    answer = caller.json("/api/auth/login", {"username": "carol", "password": TEMPORARY})
    assert (answer.status_code, answer.json()["message"]) == (403, "Password change required")
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.ACCOUNT_CHANGED)
    assert (event.user, event.actor, event.reason) == (carol, olga, "created")


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        (new("ＡＬＩＣＥ"), "already exists"),
        (new("carol", email="ALICE@example.com"), "already exists"),
        (new("carol@example.com"), "holds no @"),
        (new("carol", email="carol"), "valid email"),
        (new("carol", "short"), "too short"),
        (new("carol", "password"), "too common"),
        (new("caroline1", "caroline1"), "too similar"),
        (new("carol") | {"password2": "another"}, "match"),
        (new(" "), "required"),
        (new("x" * 151), "at most 150"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_a_reason(as_olga, alice, sent, complaint):
    answer = as_olga.post(ADD, sent)
    assert answer.status_code == 200
    assert complaint in str(answer.context["adminform"].form.errors)
    assert User.objects.count() == 2


def test_two_accounts_without_an_address(as_olga):
    assert [as_olga.post(ADD, new(name, email="")).status_code for name in ("carol", "dave")] == [302, 302]
    assert User.objects.filter(email=None, username__in=["carol", "dave"]).count() == 2


def test_olga_edits_an_account_and_its_session_goes_on(as_olga, olga, alice):
    grant = log_in()
    answer = as_olga.post(page(alice), fields(alice, email="Liddell@Example.com", organization="Wonderland"))
    assert answer.status_code == 302
    identity = sessions.identify(grant.access)
    assert (identity.email, identity.organization) == ("liddell@example.com", "Wonderland")
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.ACCOUNT_CHANGED)
    assert (event.user, event.actor, event.reason) == (alice, olga, "email, organization")


def test_deactivation_ends_the_sessions_and_reactivation_revives_none(as_olga, alice, caller):
    token = log_in().access
    as_olga.post(page(alice), fields(alice, is_active=None))
    assert caller.get("/api/v1/auth/me", token).status_code == 401
    alice.refresh_from_db()
    as_olga.post(page(alice), fields(alice, is_active="on"))
    alice.refresh_from_db()
    assert alice.is_active
    assert caller.get("/api/v1/auth/me", token).status_code == 401


def test_deactivation_of_many(as_olga, olga, alice, bob):
    for username in ("alice", "bob", "olga"):
        log_in(username)
    chosen = {"action": "deactivate", "_selected_action": [alice.pk, bob.pk, olga.pk]}
    assert as_olga.post(LIST, chosen).status_code == 302
    assert list(User.objects.filter(is_active=False).order_by("username")) == [alice, bob]
    assert Session.objects.live().get().user == olga
    events = AuditEvent.objects.filter(kind=AuditEvent.Kind.ACCOUNT_CHANGED, actor=olga, reason="deactivated")
    assert {event.user for event in events} == {alice, bob}


def test_olga_ends_all_sessions_of_somebody(as_olga, olga, alice, bob):
    log_in(), log_in(), log_in("bob")
    as_olga.post(LIST, {"action": "end_sessions", "_selected_action": [alice.pk]})
    assert Session.objects.live().get().user == bob
    event = AuditEvent.objects.get(actor=olga)
    assert (event.user, event.name) == (alice, "alice")


def test_olga_ends_one_session(as_olga, olga, alice):
    here, there = log_in(), log_in()
    as_olga.post(reverse("admin:accounts_session_changelist"), {"action": "end", "_selected_action": [str(here.session_id)]})
    assert Session.objects.live().get().pk == there.session_id
    assert AuditEvent.objects.get(actor=olga).session == here.session_id


# Temporary passwords


def test_a_temporary_password_must_be_changed_and_ends_the_sessions(as_olga, alice, caller):
    token = log_in().access
    answer = as_olga.post(page(alice, "password"), {"password1": TEMPORARY, "password2": TEMPORARY})
    assert answer.status_code == 302
    assert caller.get("/api/v1/auth/me", token).status_code == 401
    alice.refresh_from_db()
    assert (alice.must_change_password, alice.check_password(TEMPORARY)) == (True, True)
    answer = caller.json("/v1/login", {"username": "alice", "password": TEMPORARY})
    assert answer.json()["challenge_name"] == "NEW_PASSWORD_REQUIRED"


def test_a_temporary_password_is_on_record(as_olga, olga, alice):
    as_olga.post(page(alice, "password"), {"password1": TEMPORARY, "password2": TEMPORARY})
    event = AuditEvent.objects.get(kind=AuditEvent.Kind.ACCOUNT_CHANGED)
    assert (event.user, event.actor) == (alice, olga)
    assert TEMPORARY not in event.reason


def test_a_weak_temporary_password_is_refused(as_olga, alice):
    token = log_in().access
    answer = as_olga.post(page(alice, "password"), {"password1": "password", "password2": "password"})
    assert "too common" in str(answer.context["form"].errors)
    assert sessions.identify(token).username == "alice"


def test_no_hash_and_no_token_is_shown(as_olga, alice):
    log_in()
    session = Session.objects.get()
    shown = as_olga.get(page(alice)).content.decode()
    assert alice.password not in shown
    assert alice.password.rpartition("$")[2] not in shown
    shown = as_olga.get(reverse("admin:accounts_session_change", args=[session.pk])).content.decode()
    assert "alice" in shown
    assert session.refresh_jti not in shown


# Stan, who is staff


def test_stan_makes_and_edits_accounts(as_stan, alice):
    assert as_stan.post(ADD, new()).status_code == 302
    assert as_stan.post(page(alice), fields(alice, name="Alice L.")).status_code == 302
    alice.refresh_from_db()
    assert alice.name == "Alice L."


def test_stan_makes_no_operators(as_stan, alice):
    assert as_stan.post(ADD, new(is_staff="on", is_superuser="on")).status_code == 302
    assert as_stan.post(page(alice), fields(alice, is_staff="on", is_superuser="on", role="super_admin")).status_code == 302
    assert set(User.objects.filter(username__in=["alice", "carol"]).values_list("is_staff", "is_superuser")) == {(False, False)}


@pytest.mark.parametrize("whom", ["olga", "tina", "stan"])
def test_stan_touches_no_operator_and_not_himself(as_stan, stan, olga, whom):
    User.objects.create_user("tina", PASSWORD, is_staff=True)
    operator = User.objects.get(username=whom)
    before = User.objects.values().get(pk=operator.pk)
    log_in(whom)
    sent = fields(operator, name="Changed", is_superuser="on", is_active=None)
    assert as_stan.post(page(operator), sent).status_code == 403
    assert as_stan.post(page(operator, "password"), {"password1": TEMPORARY, "password2": TEMPORARY}).status_code == 403
    assert as_stan.post(page(operator, "delete"), {"post": "yes"}).status_code == 403
    for action in ("deactivate", "end_sessions", "delete_selected"):
        as_stan.post(LIST, {"action": action, "_selected_action": [operator.pk], "post": "yes"})
    after = User.objects.values().get(pk=operator.pk)
    assert after == before | {"last_login": after["last_login"]}
    assert Session.objects.live().count() == 1


def test_stan_ends_no_session_of_an_operator(as_stan, olga, alice):
    hers, her_users = log_in("olga"), log_in()
    chosen = [str(grant.session_id) for grant in (hers, her_users)]
    as_stan.post(reverse("admin:accounts_session_changelist"), {"action": "end", "_selected_action": chosen})
    assert Session.objects.live().get().user == olga


def test_stan_deletes_nobody(as_stan, alice):
    assert as_stan.post(page(alice, "delete"), {"post": "yes"}).status_code == 403
    as_stan.post(LIST, {"action": "delete_selected", "_selected_action": [alice.pk], "post": "yes"})
    assert User.objects.filter(pk=alice.pk).exists()


def test_stan_sees_no_signing_keys(as_stan):
    assert as_stan.get(reverse("admin:accounts_signingkey_changelist")).status_code == 403


def test_a_user_has_no_business_here(client, alice):
    client.force_login(alice)
    for path in (INDEX, LIST, ADD, page(alice)):
        assert client.get(path).status_code == 302
    client.post(page(alice), fields(alice, is_staff="on"))
    alice.refresh_from_db()
    assert not alice.is_staff


@pytest.mark.parametrize("model", ["auditevent", "session", "signingkey"])
def test_what_is_only_looked_at_cannot_be_changed(as_olga, alice, model):
    log_in()
    key = apps.get_model("accounts", model)._default_manager.values_list("pk", flat=True)[0]
    change, delete = (reverse(f"admin:accounts_{model}_{name}", args=[key]) for name in ("change", "delete"))
    assert as_olga.get(change).status_code == 200
    assert as_olga.post(change, {"name": "x", "use": "previous"}).status_code == 403
    assert as_olga.post(delete, {"post": "yes"}).status_code == 403
    assert as_olga.post(reverse(f"admin:accounts_{model}_add"), {}).status_code == 403


# Signing in here


def test_olga_signs_in(client, olga):
    answer = sign_in(client, " OLGA@example.com")
    assert (answer.status_code, answer["Location"]) == (302, INDEX)
    assert signed_in(client)


@pytest.mark.parametrize(("username", "password"), [("olga", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD)])
def test_a_wrong_sign_in_says_the_same_of_everybody(client, olga, username, password):
    User.objects.create_superuser("gone", PASSWORD, is_active=False)
    answer = sign_in(client, username, password)
    said = re.search(r'class="errornote">\s*(.*?)\s*</p>', answer.content.decode(), re.DOTALL)
    assert said
    assert said.group(1).startswith("Please enter the correct username and password for a staff account.")
    assert not signed_in(client)


def test_whoever_must_change_the_password_is_not_let_in(client, olga):
    User.objects.update(must_change_password=True)
    answer = sign_in(client)
    assert (answer.status_code, "Password change required" in answer.content.decode()) == (200, True)
    assert not signed_in(client)


def test_failures_here_and_at_the_api_share_one_budget(client, caller, olga):
    for _ in range(5):
        sign_in(client, password="wrong")
        caller.json("/v1/login", {"username": "olga", "password": "wrong"})
    assert caller.json("/v1/login", {"username": "olga", "password": PASSWORD}).status_code == 429
    answer = sign_in(client, "Olga")
    assert re.search(r"Too many login attempts\. Please try again in [1-5] min\.", answer.content.decode())
    assert not signed_in(client)


def test_a_right_sign_in_costs_nothing_of_the_budget(client, olga, alice):
    for _ in range(12):
        assert sign_in(client).status_code == 302
        client.logout()
    assert sign_in(client).status_code == 302


def test_a_sign_in_is_on_record_and_so_is_a_refusal(client, olga):
    sign_in(client, password="wrong")
    sign_in(client)
    failed, succeeded = AuditEvent.objects.order_by("pk")
    assert (failed.kind, failed.user, failed.reason) == (AuditEvent.Kind.LOGIN_FAILED, olga, "wrong password")
    assert (succeeded.kind, succeeded.user, succeeded.address) == (AuditEvent.Kind.LOGIN, olga, "127.0.0.1")


def test_an_upgraded_hash_ends_no_session_here_or_there(client, olga):
    token = log_in("olga").access
    sign_in(client)
    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert log_in("olga").access
    olga.refresh_from_db()
    assert olga.password.startswith("argon2")
    assert signed_in(client)
    assert sessions.identify(token).username == "olga"


def test_an_upgrade_at_the_sign_in_itself_lets_in(client, olga):
    User.objects.update(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert sign_in(client).status_code == 302
    assert signed_in(client)


def test_a_password_set_anew_or_a_deactivation_ends_the_session_here(client, olga):
    sign_in(client)
    olga.set_password("another good horse")
    olga.save()
    assert not signed_in(client)
    sign_in(client, password="another good horse")
    assert signed_in(client)
    olga.is_active = False
    olga.save()
    assert not signed_in(client)


def test_olga_changes_her_own_password_and_stays(client, olga):
    token = log_in("olga").access
    sign_in(client)
    page = client.get(reverse("admin:password_change"))["Location"]
    assert client.post(page, {"identifier": "olga", "current": PASSWORD, "password": "another good horse"}).status_code == 302
    assert signed_in(client)
    with pytest.raises(InvalidToken):
        sessions.identify(token)


def test_the_cookies_here_are_not_for_scripts(client, olga):
    cookie = sign_in(client).cookies["authsvc_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")


def test_no_page_is_kept_or_framed(as_olga):
    answer = as_olga.get(INDEX)
    assert answer["X-Frame-Options"] == "DENY"
    assert "no-store" in answer["Cache-Control"]
