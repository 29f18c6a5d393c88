"""Stan filters the audit log by what he knows."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from accounts.admin.links import events_url
from accounts.models import AuditEvent
from tests.admin.audit_log_pages import EXPORT, LIST, SENT
from tests.audit_events import add_event
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
Kind = AuditEvent.Kind


def found(client, **asked):
    """Return the events of the list, newest first, except Stan's own login."""
    answer = client.get(events_url(**asked))
    assert answer.status_code == 200
    return [
        (event.kind, event.name)
        for event in answer.context["cl"].result_list
        if event.name != "stan"
    ]


ALICE, BOB, ALCIE, THROTTLED, LEFT = (
    ("login", "alice"),
    ("login_failed", "Bob@Example.com"),
    ("login_failed", "alcie"),
    ("throttled", "alice"),
    ("deactivated", "bob"),
)


def test_everything_newest_first_as_sentences(as_stan, a_day):
    assert found(as_stan) == [LEFT, THROTTLED, ALCIE, BOB, ALICE]
    page = as_stan.get(LIST).content.decode()
    for sentence in (
        "olga deactivated bob: he left.",
        "Throttled: more than 10 wrong guesses for “alice” in 5 minutes.",
        "A login as “alcie” was refused because no account has this name.",
        "alice logged in.",
    ):
        assert sentence in page


@pytest.mark.own_sql
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"identifier": "alice"}, [THROTTLED, ALICE]),
        ({"identifier": " ALICE@example.com "}, [THROTTLED, ALICE]),
        ({"identifier": "bob@example.com"}, [LEFT, BOB]),
        ({"identifier": "olga"}, [LEFT]),
        ({"identifier": "alcie"}, [ALCIE]),
        ({"identifier": "nobody"}, []),
        ({"kind": "login_failed"}, [ALCIE, BOB]),
        ({"kind": "login_failed,throttled"}, [THROTTLED, ALCIE, BOB]),
        ({"kind": "login_failed", "reason": "wrong_password"}, [BOB]),
        ({"contract": "form"}, [ALCIE, BOB]),
        ({"contract": "admin"}, [LEFT]),
        ({"address": "192.0.2.7"}, [ALICE]),
        ({"address": "192.0.2.0/24"}, [BOB, ALICE]),
        ({"address": "192.0.2.8/31"}, [BOB]),
        ({"address": "2001:db8::/32"}, [ALCIE]),
        ({"address": "0.0.0.0/0"}, [LEFT, THROTTLED, BOB, ALICE]),
        ({"request_id": "first"}, [ALICE]),
        ({"within": "1h"}, []),
        ({"within": "7d", "kind": "login", "identifier": "alice"}, [ALICE]),
        ({"identifier": "alice", "contract": "form"}, []),
    ],
)
def test_each_filter_finds_its_events(as_stan, a_day, asked, expected):
    assert found(as_stan, **asked) == expected


def test_events_of_a_contract_that_was_removed_are_found(as_stan, a_day):
    """The form shows its name while it is chosen, and does not offer it otherwise."""
    add_event(Kind.LOGIN_FAILED, name="alcie", reason="no_such_account", contract="acme")
    assert found(as_stan, contract="acme") == [ALCIE]
    assert found(as_stan, contract="acme_2") == []
    page = as_stan.get(events_url(contract="acme")).content.decode()
    assert '<option value="acme" selected>acme</option>' in page
    assert "cannot be understood" not in page
    assert 'value="acme"' not in as_stan.get(events_url(contract="form")).content.decode()


def test_found_by_account_and_operator_and_uuid(as_stan, a_day, bob, olga):
    assert found(as_stan, user=bob.pk) == [LEFT, BOB]
    assert found(as_stan, actor=olga.pk) == [LEFT]
    assert found(as_stan, identifier=bob.uuid) == [LEFT, BOB]


@pytest.mark.parametrize(
    "entrance", ["bearer", "legacy", "introspection", "revocation", "admin", "keys"]
)
def test_every_entrance_is_a_choice(as_stan, entrance):
    assert f'<option value="{entrance}">' in as_stan.get(LIST).content.decode()


def test_found_by_session(as_stan, caller, alice):
    caller.json("/v1/login", {"username": "alice", "password": PASSWORD})
    event = AuditEvent.objects.get(contract="challenge")
    add_event(Kind.LOGIN, user_id=alice.pk, name="alice")
    assert found(as_stan, session=event.session) == [("login", "alice")]
    alice.sessions.all().delete()
    assert found(as_stan, session=event.session) == [("login", "alice")]


def test_found_between_two_moments_however_they_are_written(as_stan, a_day):
    first, last = a_day + timedelta(minutes=1), a_day + timedelta(minutes=3)
    assert found(as_stan, at_from=first.isoformat(), at_to=last.isoformat()) == [ALCIE, BOB]
    assert found(
        as_stan, at_from=f"{first:%Y-%m-%dT%H:%M:%S}", at_to=f"{last:%Y-%m-%dT%H:%M:%SZ}"
    ) == [ALCIE, BOB]
    answer = as_stan.get(f"{LIST}?at_from={first.isoformat()}")
    assert [event.name for event in answer.context["cl"].result_list if event.name != "stan"] == [
        "bob",
        "alice",
        "alcie",
        "Bob@Example.com",
    ]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"address": "10.0.0"}, "Write an address, as 192.0.2.7"),
        ({"address": "10.0.0.0/99"}, "Write an address, as 192.0.2.7"),
        ({"kind": "breakfast"}, "Select a valid choice"),
        ({"contract": "Acme!"}, "Select a valid choice"),
        ({"contract": "a_name_of_21_letters_"}, "Select a valid choice"),
        ({"at_from": "yesterday"}, "Enter a valid date/time"),
        ({"at_from": "0001-01-01T00:00:00+14:00"}, "Enter a valid date/time"),
        ({"at_to": "9999-12-31T23:59:59-14:00"}, "Enter a valid date/time"),
        ({"user": "x"}, "user: Enter a whole number"),
        ({"user": "99999999999999999999"}, "user: Ensure this value is less"),
        ({"session": "x"}, "session: Enter a valid UUID"),
        ({"identifier": "a\0b"}, "Null characters are not allowed"),
    ],
)
def test_an_invalid_filter_shows_no_event_and_an_error(as_stan, a_day, asked, complaint):
    answer = as_stan.get(events_url(**asked))
    assert answer.status_code == 200
    assert list(answer.context["cl"].result_list) == []
    assert complaint in answer.content.decode()
    exported = as_stan.post(f"{EXPORT}?{events_url(**asked).partition('?')[2]}", SENT)
    assert exported.status_code == 302


def test_pages_follow_each_other_without_a_gap(as_stan, alice):
    at = now()
    for number in range(120):
        add_event(
            Kind.LOGIN,
            user_id=alice.pk,
            name=f"login {number}",
            at=at - timedelta(minutes=number // 3),
        )
    address, seen = events_url(user=alice.pk), []
    while address:
        changelist = as_stan.get(address).context["cl"]
        seen += [event.pk for event in changelist.result_list]
        address = changelist.older and LIST + changelist.older
    assert len(seen) == len(set(seen)) == 120
    assert "user=" in changelist.newest


def test_a_page_is_three_queries_however_much_happened(
    as_stan, alice, olga, django_assert_num_queries
):
    """The operator, their session, and the events with their users. Nothing is counted."""
    for _ in range(70):
        add_event(
            Kind.UNLOCKED, user_id=alice.pk, actor_id=olga.pk, name="alice", address="192.0.2.7"
        )
    as_stan.get(LIST)
    with django_assert_num_queries(3) as captured:
        as_stan.get(events_url(user=alice.pk, kind="unlocked", within="7d"))
    with django_assert_num_queries(3):
        as_stan.get(events_url(contract="acme"))
    assert "COUNT" not in "".join(query["sql"] for query in captured.captured_queries)
    with django_assert_num_queries(4):
        as_stan.get(events_url(identifier="alice"))
    event = reverse("admin:accounts_auditevent_change", args=[AuditEvent.objects.latest("pk").pk])
    as_stan.get(event)
    with django_assert_num_queries(3):
        as_stan.get(event)


def test_an_identifier_is_shown_and_not_run(as_stan, alice):
    add_event(
        Kind.LOGIN_FAILED, name="<script>alert(1)</script>", reason="<b>", address="192.0.2.7"
    )
    for path in (
        LIST,
        events_url(identifier="<script>"),
        reverse("admin:accounts_auditevent_change", args=[AuditEvent.objects.latest("pk").pk]),
    ):
        page = as_stan.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<b>" not in page


def test_the_audit_log_is_for_operators_only(client, alice, a_day):
    client.force_login(alice)
    for path in (LIST, EXPORT, reverse("admin:accounts_auditevent_request")):
        assert client.get(path).status_code in (302, 405)
        assert client.post(path).status_code == 302
    assert not AuditEvent.objects.filter(kind=Kind.EXPORTED).exists()
