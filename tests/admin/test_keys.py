"""Olga looks at the keys of all users, never at a secret, and ends some; Stan ends no admin's."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from accounts.audit import event_messages
from accounts.models import AuditEvent, User
from apikeys import keys, usage
from apikeys.end_reasons import EndReason
from apikeys.models import APIKey
from tests.admin.actions import choose_action, confirm_action, open_action
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST = reverse("admin:apikeys_apikey_changelist")
DAY = timedelta(days=1)


def make(owner, name="CI", *, age=0 * DAY, **fields):
    key, secret = APIKey.objects.issue(owner.pk, name, **fields)
    APIKey.objects.filter(pk=key.pk).update(created_at=now() - age)
    return key, secret


def page(key, name="change"):
    return reverse(f"admin:apikeys_apikey_{name}", args=[key.pk])


def named(answer):
    return {key.name for key in answer.context["cl"].result_list}


def end(client, *chosen):
    return confirm_action(client, "end_key", *chosen)


def test_olga_sees_every_key_and_no_secret(as_olga, alice, bob):
    made = [make(alice, "Alice's"), make(bob, "Bob's", scopes=["introspect"])]
    keys.identify(made[0][1])
    usage.write()
    pages = [
        as_olga.get(LIST),
        *(as_olga.get(page(key)) for key, _ in made),
        as_olga.get(page(made[0][0], "history"), follow=True),
    ]
    shown = "".join(answer.content.decode() for answer in pages)
    assert {answer.status_code for answer in pages} == {200}
    assert named(pages[0]) == {"Alice's", "Bob's"}
    assert all(f"key_{key.pk}" in shown for key, _ in made)
    assert {"alice", "bob", "introspect"} <= set(shown.replace("<", ">").split(">"))
    for key, secret in made:
        assert key.digest not in shown
        assert secret not in shown
        assert secret[17:] not in shown
        assert key.digest not in str(pages[0].context["cl"].list_display)


def test_the_list_costs_no_more_for_many_keys(as_olga, alice, bob, django_assert_max_num_queries):
    for owner in (alice, bob) * 10:
        make(owner)
    with django_assert_max_num_queries(8):
        as_olga.get(LIST)


def test_keys_are_sorted_by_last_use_and_unused_ones_come_last(as_olga, alice):
    for name, used in (("never", None), ("long ago", now() - 9 * DAY), ("today", now())):
        APIKey.objects.filter(pk=make(alice, name)[0].pk).update(last_used_at=used)
    assert [key.name for key in as_olga.get(LIST).context["cl"].result_list] == [
        "today",
        "long ago",
        "never",
    ]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("", {"new", "forgotten", "idle", "busy", "expiring", "expired", "deleted"}),
        ("unused", {"forgotten", "idle"}),
        ("expiring", {"expiring"}),
        ("live", {"new", "forgotten", "idle", "busy", "expiring"}),
        ("ended", {"expired", "deleted"}),
        ("nonsense", {"new", "forgotten", "idle", "busy", "expiring", "expired", "deleted"}),
    ],
)
def test_a_filter_for_keys_that_need_attention(as_olga, alice, chosen, expected):
    make(alice, "new")
    make(alice, "forgotten", age=91 * DAY)
    APIKey.objects.filter(pk=make(alice, "idle", age=200 * DAY)[0].pk).update(
        last_used_at=now() - 91 * DAY
    )
    APIKey.objects.filter(pk=make(alice, "busy", age=200 * DAY)[0].pk).update(
        last_used_at=now() - 89 * DAY
    )
    make(alice, "expiring", expires_at=now() + 29 * DAY)
    APIKey.objects.filter(name="new").update(expires_at=now() + 31 * DAY)
    make(alice, "expired", age=91 * DAY, expires_at=now() - DAY)
    APIKey.objects.filter(pk=make(alice, "deleted", age=91 * DAY)[0].pk).end(EndReason.DELETED)
    assert named(as_olga.get(LIST, {"use": chosen} if chosen else {})) == expected


@pytest.mark.own_sql
@pytest.mark.parametrize(
    ("typed", "expected"),
    [("alice", {"CI"}), ("bob@", {"Staging"}), ("Stag", {"Staging"}), ("nobody", set())],
)
def test_a_search_by_owner_and_name(as_olga, alice, bob, typed, expected):
    make(alice, "CI"), make(bob, "Staging")
    assert named(as_olga.get(LIST, {"q": typed})) == expected


def test_a_search_by_id(as_olga, alice):
    key, _ = make(alice)
    make(alice, "another")
    assert named(as_olga.get(LIST, {"q": key.pk})) == {"CI"}


def test_olga_ends_many_and_it_is_on_record(as_olga, olga, alice, bob, caller):
    (hers, secret), (his, _), (ended, _) = make(alice), make(bob), make(bob)
    APIKey.objects.filter(pk=ended.pk).end(EndReason.DELETED)
    asked = choose_action(as_olga, "end_key", hers, his, ended)
    assert asked.context["title"] == "End key: 2 API keys"
    assert [names.heading for names in asked.context["skipped"]] == ["Has ended or expired already"]
    assert end(as_olga, hers, his, ended).context["title"] == "Ended 2 API keys."
    assert caller.get("/api/v1/auth/me", secret).status_code == 401
    assert set(APIKey.objects.values_list("ended_reason", flat=True)) == {
        "ended_by_operator",
        "deleted",
    }
    events = AuditEvent.objects.filter(kind="keys_ended").order_by("pk")
    assert {(event.user, event.actor, reason_of(event)) for event in events} == {
        (alice, olga, f"{hers.public_id} ended: ticket 7"),
        (bob, olga, f"{his.public_id} ended: ticket 7"),
    }


@pytest.mark.parametrize("scope", ["introspect", "revoke"])
def test_olga_grants_a_key_a_reserved_scope_and_it_is_on_record(
    as_olga, olga, alice, caller, scope
):
    key, secret = make(alice)
    action, path = f"grant_{scope}", f"/oauth2/{scope}"
    assert caller.json(path, {"token": "x"}, secret).status_code == 403
    buttons = {button.name: button.url for button in as_olga.get(page(key)).context["buttons"]}
    assert set(buttons) == {"end_key", "grant_introspect", "grant_revoke"}
    assert "Your password" in as_olga.get(buttons[action]).content.decode()
    assert confirm_action(as_olga, action, key, reason="").status_code == 422
    assert confirm_action(as_olga, action, key).status_code == 302
    assert caller.json(path, {"token": "x"}, secret).status_code == 200
    event = AuditEvent.objects.get(kind="key_granted")
    assert (event.user, event.actor, event.data["scope"]) == (alice, olga, scope)
    assert key.public_id in event_messages.text(event)
    left = {button.name for button in as_olga.get(page(key)).context["buttons"]}
    assert left == set(buttons) - {action}


@pytest.mark.parametrize("name", ["force_change", "temporary_password"])
def test_the_page_of_a_new_password_names_active_keys_and_ends_them(
    as_olga, olga, alice, bob, caller, name
):
    (key, secret), _ = make(alice), make(bob)
    asked = open_action(as_olga, name, alice)
    assert [names.shown for names in asked.context["effects"]] == [
        [f"the key {key.public_id} “CI” of alice"]
    ]
    assert secret not in asked.content.decode()
    done = confirm_action(as_olga, name, alice, end_keys="on")
    assert done.status_code in (200, 302)
    assert caller.get("/api/v1/auth/me", secret).status_code == 401
    assert list(APIKey.objects.live()) == list(APIKey.objects.filter(owner=bob))
    events = AuditEvent.objects.filter(
        kind__in=["keys_ended", "change_forced", "temporary_password"]
    ).order_by("pk")
    assert {(event.user, event.actor) for event in events} == {(alice, olga)}
    assert events[0].kind == "keys_ended"


def test_without_the_tick_her_keys_go_on(as_olga, alice, caller):
    _, secret = make(alice)
    confirm_action(as_olga, "force_change", alice)
    assert caller.get("/api/v1/auth/me", secret).status_code == 200


def test_the_tick_asks_for_reason_and_password_first(as_olga, alice, caller):
    """Ending keys is dangerous, also beside an action that is not."""
    _, secret = make(alice)
    assert "password" not in open_action(as_olga, "force_change", alice).context["form"].fields
    for missing in ("reason", "password"):
        answer = confirm_action(as_olga, "force_change", alice, end_keys="on", **{missing: None})
        assert (answer.status_code, set(answer.context["form"].errors)) == (422, {missing})
        assert answer.context["form"]["end_keys"].value()
    alice.refresh_from_db()
    assert (alice.must_change_password, caller.get("/api/v1/auth/me", secret).status_code) == (
        False,
        200,
    )


def test_for_a_user_without_keys_the_page_offers_no_end_of_keys(as_olga, alice):
    key, _ = make(alice)
    APIKey.objects.filter(pk=key.pk).end(EndReason.DELETED)
    asked = open_action(as_olga, "force_change", alice)
    assert (asked.context["effects"], "end_keys" in asked.context["form"].fields) == ([], False)
    confirm_action(as_olga, "force_change", alice, end_keys="on", reason="", password=None)
    alice.refresh_from_db()
    assert alice.must_change_password


def test_stan_ends_no_keys_of_an_operator_beside_an_action_on_users(as_stan, alice, olga, caller):
    (_, hers), (_, olgas) = make(alice), make(olga)
    confirm_action(as_stan, "force_change", alice, olga, end_keys="on")
    assert [caller.get("/api/v1/auth/me", secret).status_code for secret in (hers, olgas)] == [
        401,
        200,
    ]


def test_a_key_that_ended_is_granted_nothing(as_olga, alice):
    key, _ = make(alice)
    APIKey.objects.filter(pk=key.pk).end(EndReason.DELETED)
    assert confirm_action(as_olga, "grant_introspect", key).context["title"] == "Nothing was done."
    assert as_olga.get(page(key)).context["buttons"] == []
    assert APIKey.objects.get().scope == "profile"


def test_stan_ends_no_key_of_an_operator_but_those_of_users(as_stan, stan, olga, alice):
    tina = User.objects.create_user("tina", PASSWORD, is_staff=True)
    made = {owner.username: make(owner)[0] for owner in (alice, olga, tina, stan)}
    assert "Ended the key" in end(as_stan, *made.values()).context["title"]
    assert list(APIKey.objects.exclude(ended_at=None)) == [made["alice"]]
    assert AuditEvent.objects.get(kind="keys_ended").actor == stan


def test_a_user_has_no_business_here(client, alice):
    key, _ = make(alice)
    client.force_login(alice)
    assert [client.get(path).status_code for path in (LIST, page(key))] == [302, 302]
    end(client, key)
    assert APIKey.objects.live().count() == 1


def test_a_key_is_only_looked_at(as_olga, alice):
    key, _ = make(alice)
    assert as_olga.post(page(key), {"name": "x", "scope": "introspect"}).status_code == 403
    assert as_olga.post(page(key, "delete"), {"post": "yes"}).status_code == 403
    assert as_olga.post(reverse("admin:apikeys_apikey_add"), {}).status_code == 403
    as_olga.post(LIST, {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"})
    assert APIKey.objects.live().get().name == "CI"
