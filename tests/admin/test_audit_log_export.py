"""Stan exports the audit log, as filtered."""

import csv
import json
from datetime import timedelta
from io import StringIO

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.admin.links import events_url
from accounts.audit.export import as_jsonl
from accounts.audit.query import EventQuery, in_batches
from accounts.models import AuditEvent
from accounts.transfer.csv_writer import unprotected
from tests.admin.audit_log_pages import EXPORT, SENT
from tests.audit_events import add_event, reason_of

pytestmark = pytest.mark.usefixtures("db")
Kind = AuditEvent.Kind


def exported(client, form="csv", **asked):
    answer = client.post(f"{EXPORT}?{events_url(**asked).partition('?')[2]}", SENT | {"form": form})
    assert (answer.status_code, answer.streaming) == (200, True)
    return answer, b"".join(answer.streaming_content).decode()


def test_stan_exports_the_filtered_events(as_stan, stan, a_day):
    answer, text = exported(as_stan, kind="login_failed")
    rows = list(csv.DictReader(StringIO(text, newline="")))
    assert [row["name"] for row in rows] == ["alcie", "Bob@Example.com"]
    assert rows[0] | {"id": ""} == {
        "id": "",
        "at": f"{a_day + timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}",
        "kind": "login_failed",
        "sentence": "A login as “alcie” was refused because no account has this name.",
        "user": "",
        "actor": "",
        "name": "alcie",
        "session": "",
        "contract": "form",
        "address": "2001:db8::7",
        "request_id": "",
        "reason": "no_such_account",
        "data": "{}",
        "note": "",
    }
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="events-')
    assert "no-store" in answer["Cache-Control"]


def test_as_json_lines(as_stan, a_day, bob, olga):
    answer, text = exported(as_stan, "jsonl", user=bob.pk)
    first, second = map(json.loads, text.splitlines())
    assert (first["kind"], first["user"], first["actor"], first["note"]) == (
        "deactivated",
        str(bob.uuid),
        "olga",
        "he left",
    )
    assert (second["kind"], second["actor"], second["session"]) == ("login_failed", None, None)
    assert answer["Content-Type"] == "application/jsonl; charset=utf-8"


def test_an_export_is_in_the_audit_log_with_operator_and_filter(as_stan, stan, a_day, alice):
    exported(as_stan, kind="login", identifier="alice")
    event = AuditEvent.objects.get(kind=Kind.EXPORTED)
    assert (event.actor, event.user, event.contract) == (stan, alice, "admin")
    assert reason_of(event) == "identifier=alice&kind=login, csv: ticket 7"


def test_an_export_takes_the_password_and_a_reason(as_stan, a_day):
    page = as_stan.get(f"{EXPORT}?kind=login")
    assert ("kind=login" in page.content.decode(), "Your password" in page.content.decode()) == (
        True,
        True,
    )
    for lacks in ({"password": "wrong"}, {"password": ""}, {"reason": " "}, {"form": "xlsx"}):
        answer = as_stan.post(EXPORT, SENT | lacks)
        assert (answer.status_code, answer.streaming) == (422, False)
        assert "alcie" not in answer.content.decode()
    assert not AuditEvent.objects.filter(kind=Kind.EXPORTED).exists()
    for _ in range(10):
        answer = as_stan.post(EXPORT, SENT | {"password": "wrong"})
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)


DANGEROUS = [
    "=cmd()|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "＝1",
    "a;=cmd()",
    "a\t=cmd()",
    "a\n=cmd()",
    "a\r\n=cmd()",
    'a;"=cmd()',
    'a\t""=cmd()"',
    "a; =cmd()",
    'a",\n=cmd()',
    " =cmd()",
]


@pytest.mark.parametrize("typed", DANGEROUS)
def test_no_name_is_a_formula_whatever_the_spreadsheet_splits_at(as_stan, typed):
    AuditEvent.objects.create(kind=Kind.LOGIN_FAILED, name=typed, reason="no_such_account")
    _, text = exported(as_stan, kind="login_failed")
    for separator in (",", ";", "\t"):
        cells = [
            cell.lstrip(' "')
            for row in csv.reader(StringIO(text, newline=""), delimiter=separator)
            for cell in row
        ]
        assert [
            cell for cell in cells if cell.startswith(("=", "+", "-", "@", "＝", "\t", "\r"))
        ] == []
    (row,) = csv.DictReader(StringIO(text, newline=""))
    assert unprotected(row["name"]) == typed


def test_quotes_commas_and_lone_surrogates_survive(as_stan):
    add_event(Kind.LOGIN_FAILED, name='a "b", c; d', reason="no_such_account")
    _, text = exported(as_stan)
    assert 'a "b", c; d' in [row["name"] for row in csv.DictReader(StringIO(text, newline=""))]


def test_many_events_are_read_in_batches_and_each_once(alice, django_assert_num_queries):
    at = now()
    for number in range(25):
        add_event(
            Kind.LOGIN, user_id=alice.pk, name="alice", at=at - timedelta(minutes=number // 4)
        )
    with django_assert_num_queries(4):
        read = list(in_batches(EventQuery(user=alice.pk).events(), size=10))
    assert [event.pk for event in read] == list(
        EventQuery(user=alice.pk).events().values_list("pk", flat=True)
    )
    pieces = list(as_jsonl(read * 20))
    assert len(pieces) == 3


def test_an_event_during_an_export_is_not_in_it(as_stan, alice):
    add_event(Kind.LOGIN, user_id=alice.pk, name="before")
    answer = as_stan.post(f"{EXPORT}?user={alice.pk}", SENT | {"form": "jsonl"})
    add_event(Kind.LOGIN, user_id=alice.pk, name="during")
    assert [
        json.loads(line)["name"] for line in b"".join(answer.streaming_content).splitlines()
    ] == ["before"]


def test_an_export_takes_a_post_with_a_csrf_token(stan):
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(stan)
    assert careful.post(EXPORT, SENT).status_code == 403
    assert not AuditEvent.objects.filter(kind=Kind.EXPORTED).exists()
