"""Stan, an admin, works with users, and is refused what takes a super admin."""

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import AuditEvent, Session, User
from tests.admin.actions import choose_action, confirm_action
from tests.admin.user_pages import ADD, INDEX, LIST, fields, log_in, new, page
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


def test_stan_makes_and_edits_accounts(as_stan, alice):
    assert as_stan.post(ADD, new()).status_code == 200
    assert as_stan.post(page(alice), fields(alice, name="Alice L.")).status_code == 302
    alice.refresh_from_db()
    assert alice.name == "Alice L."


def test_stan_makes_no_operators(as_stan, alice):
    assert as_stan.post(ADD, new(is_staff="on", is_superuser="on")).status_code == 200
    assert (
        as_stan.post(
            page(alice), fields(alice, is_staff="on", is_superuser="on", role="super_admin")
        ).status_code
        == 302
    )
    assert set(
        User.objects.filter(username__in=["alice", "carol"]).values_list("is_staff", "is_superuser")
    ) == {(False, False)}


@pytest.mark.parametrize("username", ["olga", "tina", "stan"])
def test_stan_touches_no_operator_and_not_himself(as_stan, stan, olga, username):
    User.objects.create_user("tina", PASSWORD, is_staff=True)
    operator = User.objects.get(username=username)
    log_in(username)
    before = User.objects.values().get(pk=operator.pk)
    sent = fields(operator, name="Changed", is_superuser="on", is_active=None)
    assert as_stan.post(page(operator), sent).status_code == 403
    assert as_stan.post(page(operator, "delete"), {"post": "yes"}).status_code == 403
    for name in ("deactivate", "end_sessions", "temporary_password", "change_role"):
        assert confirm_action(as_stan, name, operator, role="super_admin").status_code == 403
    choose_action(as_stan, "delete_selected", operator, post="yes")
    assert User.objects.values().get(pk=operator.pk) == before
    assert Session.objects.live().count() == 1
    refused = AuditEvent.objects.filter(
        kind="act_refused", user=operator, actor=stan, reason="not_permitted"
    ).order_by("pk")
    assert [event.data["act"] for event in refused] == [
        "edit",
        "deactivate",
        "end_sessions",
        "temporary_password",
        "change_role",
    ]


def test_stan_ends_no_session_of_an_operator(as_stan, olga, alice):
    logins = [log_in("olga"), log_in()]
    confirm_action(
        as_stan,
        "end_session",
        *Session.objects.filter(pk__in=[issued.session_id for issued in logins]),
    )
    assert Session.objects.live().get().user == olga


def test_stan_deletes_no_user(as_stan, alice):
    assert as_stan.post(page(alice, "delete"), {"post": "yes"}).status_code == 403
    choose_action(as_stan, "delete_selected", alice, post="yes")
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
def test_rows_that_are_only_shown_cannot_be_changed(as_olga, alice, model):
    log_in()
    key = apps.get_model("accounts", model)._default_manager.values_list("pk", flat=True)[0]
    change, delete = (
        reverse(f"admin:accounts_{model}_{name}", args=[key]) for name in ("change", "delete")
    )
    assert as_olga.get(change).status_code == 200
    assert as_olga.post(change, {"name": "x", "use": "previous"}).status_code == 403
    assert as_olga.post(delete, {"post": "yes"}).status_code == 403
    assert as_olga.post(reverse(f"admin:accounts_{model}_add"), {}).status_code == 403


def test_simplejwts_own_lists_are_not_here(as_olga):
    assert "token_blacklist" not in as_olga.get(INDEX).content.decode()
    assert as_olga.get("/admin/token_blacklist/outstandingtoken/").status_code == 404


def test_a_session_says_whether_it_lives(as_olga, alice):
    for _ in range(3):
        log_in()
    live, expired, _ = Session.objects.order_by("pk")
    Session.objects.filter(pk=expired.pk).update(expires_at=now())
    Session.objects.exclude(pk__in=[live.pk, expired.pk]).revoke("logout")
    listed = as_olga.get(reverse("admin:accounts_session_changelist")).content.decode()
    for state in ("Active", "Expired", "Ended: logout"):
        assert f">{state}</span>" in listed
