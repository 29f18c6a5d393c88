"""Olga searches users, sessions, mails and keys in lists that never read more than they show."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts import request_context, user_search
from accounts.audit import audit_log
from accounts.mail import outbox
from accounts.models import OutgoingMail, Session, User
from apikeys.models import APIKey
from tests.admin.searches import KEYS, MAILS, PEOPLE, SESSIONS, open_session, rows
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.usefixtures("as_olga"), pytest.mark.own_sql]


@pytest.fixture
def crowd(db):
    User.objects.bulk_create(
        User(username=f"person{n:04}", email=f"person{n:04}@example.com", password="x")
        for n in range(1100)
    )


# Users


def test_the_list_of_users_found_by_a_request_leads_to_its_report(client, alice):
    with request_context.use(request_context.RequestContext(request_id="0123456789abcdef")):
        audit_log.record(audit_log.Kind.LOGIN, user=alice)
    page = client.get(PEOPLE, {"q": "0123456789abcdef"})
    assert [user.username for user in page.context["cl"].result_list] == ["alice"]
    assert 'request/?id=0123456789abcdef">Open the request report' in page.content.decode()


def test_the_best_comes_first_unless_the_operator_sorts_otherwise(client):
    for name in ("aa-mary", "mary-ann", "mary"):
        User.objects.create_user(name)
    assert rows(client, PEOPLE, q="mary") == ["mary", "mary-ann", "aa-mary"]
    assert rows(client, PEOPLE, q="mary", o="1") == ["aa-mary", "mary", "mary-ann"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"state": "active"}, {"alice", "bob", "dora", "olga", "stan"}),
        ({"state": "deactivated"}, {"carl"}),
        ({"state": "must_change"}, {"dora"}),
        ({"state": "no_password"}, {"bob"}),
        ({"role": "user"}, {"alice", "bob", "carl", "dora"}),
        ({"role": "admin"}, {"stan"}),
        ({"role": "super_admin"}, {"olga"}),
        ({"role": "user", "state": "deactivated", "q": "example.com"}, {"carl"}),
        ({"state": "nonsense"}, {"alice", "bob", "carl", "dora", "olga", "stan"}),
    ],
)
def test_users_of_one_state_or_role(client, alice, chosen, expected):
    User.objects.create_user("bob")
    User.objects.create_user("carl", PASSWORD, email="carl@example.com", is_active=False)
    User.objects.create_user("dora", PASSWORD, must_change_password=True)
    User.objects.create_user("stan", PASSWORD, is_staff=True)
    assert set(rows(client, PEOPLE, **chosen)) == expected


def test_no_more_than_a_thousand_are_counted_and_all_that_is_counted_can_be_seen(client, crowd):
    page = client.get(PEOPLE)
    assert page.context["cl"].paginator.num_pages == 20
    assert "1,000+ users" in page.content.decode()
    assert len(rows(client, PEOPLE, p=20)) == 50
    assert client.get(PEOPLE, {"p": 21}).status_code == 302
    assert "1 user" in client.get(PEOPLE, {"q": "olga"}).content.decode()


def test_of_more_than_a_thousand_who_match_it_is_said_that_there_are_others(client, crowd):
    assert "Type more to see others" in client.get(PEOPLE, {"q": "person"}).content.decode()
    assert "Type more to see others" not in client.get(PEOPLE, {"q": "person000"}).content.decode()


def test_only_search_results_can_be_sorted_by_any_column(client, crowd):
    with CaptureQueriesContext(connection) as sent:
        client.get(PEOPLE, {"o": "4"})
    assert not [query for query in sent if 'ORDER BY "accounts_user"."email"' in query["sql"]]
    assert rows(client, PEOPLE, q="person000", o="-4")[0] == "person0009"


# All lists


@pytest.fixture
def much(crowd):
    users = list(User.objects.filter(username__startswith="person"))
    for user in users[:60]:
        open_session(user)
        outbox.put(outbox.Template.RESET, identifier=user.username, user=user)
        APIKey.objects.issue(user.pk)
        audit_log.record(audit_log.Kind.LOGIN, user=user)


@pytest.mark.parametrize("path", [PEOPLE, SESSIONS, MAILS, KEYS])
def test_a_list_costs_a_count_and_a_page(client, much, path, django_assert_num_queries):
    client.get(path)  # once a minute, the operator's session is written
    with django_assert_num_queries(
        4
    ) as sent:  # the session, the operator, how many rows there are, and which
        client.get(path)
    counts = [query["sql"] for query in sent.captured_queries if "COUNT(*)" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 1001" in counts[0]


@pytest.mark.parametrize("model", [User, Session, OutgoingMail, APIKey])
def test_no_filter_of_a_long_list_reads_its_choices_from_the_table(client, much, model):
    meta = model._meta
    with CaptureQueriesContext(connection) as sent:
        page = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"))
    assert page.context["cl"].has_filters
    assert not [query for query in sent if "DISTINCT" in query["sql"]]
    assert admin.site.get_model_admin(model).show_facets == admin.ShowFacets.NEVER


# Sessions, mails and keys


def test_sessions_are_found_by_their_user_or_their_id(client, alice, bob):
    hers, his = open_session(alice), open_session(bob)
    assert (
        rows(client, SESSIONS, q="liddell") == rows(client, SESSIONS, q=str(hers.pk)) == [str(hers)]
    )
    assert rows(client, SESSIONS, q="example.com") == [str(his), str(hers)]
    assert rows(client, SESSIONS, q="nobody") == rows(client, SESSIONS, q=str(alice.uuid)) == []


def test_sessions_that_live_or_of_one_contract(client, alice):
    live, ended = (
        open_session(alice),
        open_session(alice, contract="form", revoked_at=now(), revoked_reason="logout"),
    )
    expired = open_session(alice, expires_at=now() - timedelta(days=1))
    assert rows(client, SESSIONS, state="live") == [str(live)]
    assert rows(client, SESSIONS, contract__exact="form") == [str(ended)]
    assert rows(client, SESSIONS) == [str(expired), str(ended), str(live)]


def test_mails_are_found_by_their_user_or_else_by_the_identifier(client, alice):
    outbox.put(outbox.Template.PASSWORD_CHANGED, user=alice)
    outbox.put(outbox.Template.RESET, identifier="Somebody@elsewhere.example")
    assert rows(client, MAILS, q="Liddell") == ["password_changed mail, waiting"]
    assert rows(client, MAILS, q="somebody@ELSEWHERE.example") == ["reset mail, waiting"]
    assert rows(client, MAILS, q="else") == []


def test_of_the_sessions_of_more_than_a_thousand_users_it_is_said_that_there_are_others(
    client, alice, bob, olga, monkeypatch
):
    User.objects.filter(pk=olga.pk).update(email=None)
    monkeypatch.setattr(user_search, "MAX_MATCHES", 1)
    open_session(alice), open_session(bob)
    page = client.get(SESSIONS, {"q": "example.com"})
    assert len(page.context["cl"].result_list) == 1
    assert "users who match" in page.content.decode()
