"""Exports of users and of one user's data, and erasure, in the admin site."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import AuditEvent, PendingImport, User
from tests.admin.files import (
    EXPORT,
    IMPORT,
    LIST,
    LOGIN,
    USERS,
    body,
    signed_in,
    stale,
    upload,
    words,
)
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def as_olga(olga):
    return signed_in("olga")


@pytest.fixture
def as_stan(stan):
    return signed_in("stan")


def test_no_other_page_takes_a_large_body(as_stan):
    answer = as_stan.get(upload(as_stan, b"username\n" + b"x\n" * 10**7).url)
    assert "This file has more than 5 MB." in words(answer)
    assert (
        as_stan.post(LIST, {"file": SimpleUploadedFile("users.csv", b"x" * 10**5)}).status_code
        == 400
    )


def test_olga_exports_what_the_list_shows(as_olga, olga, alice, bob):
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answer = as_olga.post(f"{EXPORT}?state=active", {"form": "jsonl", "reason": "ticket 7"})
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="accounts-')
    users = [json.loads(line) for line in body(answer).splitlines()]
    assert {each["username"] for each in users} == {"olga", "alice"}
    assert not {"password", "password_hash"} & users[0].keys()
    everyone = body(as_olga.post(EXPORT, {"form": "csv", "reason": "ticket 7"}))
    assert len(everyone.splitlines()) == 4
    assert "argon2" not in everyone
    events = AuditEvent.objects.filter(kind="exported").order_by("pk")
    assert [(str(event.actor), reason_of(event)) for event in events] == [
        ("olga", "accounts with state=active, jsonl: ticket 7"),
        ("olga", "all accounts, csv: ticket 7"),
    ]


@pytest.mark.own_sql
def test_olga_exports_what_she_searched_for(as_olga, alice, bob):
    answer = as_olga.post(f"{EXPORT}?q=liddell", {"form": "jsonl", "reason": "ticket 7"})
    assert [json.loads(line)["username"] for line in body(answer).splitlines()] == ["alice"]
    assert (
        reason_of(AuditEvent.objects.get(kind="exported")) == "accounts with q=…, jsonl: ticket 7"
    )


def test_the_list_leads_there_with_its_filter(as_olga, as_stan):
    assert f'href="{EXPORT}?state=active"' in body(as_olga.get(f"{LIST}?state=active"))
    assert EXPORT not in body(as_stan.get(LIST))
    assert IMPORT in body(as_stan.get(LIST))


def test_an_export_asks_for_the_password_and_is_olgas_alone(as_olga, as_stan, stan):
    assert stale(as_olga).post(EXPORT, {"form": "csv", "reason": "ticket 7"}).status_code == 422
    assert (
        stale(as_olga)
        .post(EXPORT, {"form": "csv", "reason": "ticket 7", "password": "wrong"})
        .status_code
        == 422
    )
    assert (
        stale(as_olga)
        .post(EXPORT, {"form": "csv", "reason": "ticket 7", "password": PASSWORD})
        .status_code
        == 200
    )
    assert as_olga.post(EXPORT, {"form": "csv"}).status_code == 422, "without a reason"
    for answer in (
        as_stan.get(EXPORT),
        as_stan.post(EXPORT, {"form": "csv", "reason": "ticket 7"}),
    ):
        assert answer.status_code == 403
    assert (
        AuditEvent.objects.filter(
            kind="act_refused", actor=stan, reason="not_permitted", data={"act": "export"}
        ).count()
        == 2
    )
    assert AuditEvent.objects.filter(kind="exported").count() == 1


def data(user):
    return reverse("admin:accounts_user_data", args=[user.pk])


def test_stan_exports_the_data_of_a_user_and_of_no_admin(as_stan, stan, alice, olga):
    assert "profile, sessions, mails, resets, events and API keys" in body(as_stan.get(data(alice)))
    held = json.loads(body(as_stan.post(data(alice), {"reason": "she asked"})))
    assert held["profile"]["username"] == "alice"
    event = AuditEvent.objects.get(kind="person_exported")
    assert (event.user, event.actor, reason_of(event)) == (alice, stan, "she asked")
    assert as_stan.post(data(olga)).status_code == 403
    assert stale(as_stan).post(data(alice)).status_code == 422
    assert data(alice) in body(as_stan.get(reverse("admin:accounts_user_change", args=[alice.pk])))


ERASE = reverse("admin:accounts_user_action", args=["erase"])


@pytest.mark.own_sql
def test_olga_erases_alice_with_a_reason_and_her_password(as_olga, olga, alice):
    asked = as_olga.get(f"{ERASE}?ids={alice.pk}")
    assert "will be erased, for good" in words(asked)
    assert as_olga.post(ERASE, {"ids": alice.pk, "reason": ""}).status_code == 422
    assert (
        stale(as_olga).post(ERASE, {"ids": alice.pk, "reason": "asked on 3 May"}).status_code == 422
    )
    answer = stale(as_olga).post(
        ERASE, {"ids": alice.pk, "reason": "asked on 3 May", "password": PASSWORD}, follow=True
    )
    assert "Nothing here names them any more." in words(answer)
    alice.refresh_from_db()
    assert (alice.username[:7], alice.email, alice.is_active) == ("erased-", None, False)
    event = AuditEvent.objects.get(kind="erased")
    assert (event.actor, event.name, event.note) == (olga, alice.username, "asked on 3 May")
    assert as_olga.get(data(alice)).status_code == 404


def test_stan_erases_no_user_and_olga_not_herself(as_stan, as_olga, olga, alice):
    assert as_stan.post(ERASE, {"ids": alice.pk, "reason": "because"}).status_code == 403
    assert as_olga.post(ERASE, {"ids": olga.pk, "reason": "because"}).status_code == 403
    assert not User.objects.exclude(erased_at=None).exists()


@pytest.mark.parametrize("who", ["nobody", "alice"])
def test_other_users_cannot_open_the_pages(client, alice, who):
    waiting = PendingImport(
        operator=alice, filename="users.csv", options={"roles": False, "accept_weak": False}
    )
    waiting.seal_file(USERS.encode())
    waiting.seal_report([])
    waiting.save()
    if who == "alice":
        client.force_login(alice)
    preview = reverse("admin:accounts_user_import_preview", args=[waiting.pk])
    for url in (IMPORT, EXPORT, preview, f"{preview}report.csv", data(alice)):
        for answer in (client.get(url), client.post(url, {"confirm": "yes", "form": "csv"})):
            assert answer.status_code == 302
            assert answer.url.startswith(LOGIN)
    assert User.objects.count() == 1
