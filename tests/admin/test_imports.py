"""Files of users imported in the admin site: upload, preview, confirmation, report."""

import csv
import io
import json
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.utils.timezone import now

from accounts import encryption
from accounts.models import AuditEvent, PendingImport, User
from tests.admin.files import IMPORT, USERS, body, errors, signed_in, upload, words
from tests.audit_events import reason_of
from tests.concurrency import at_once, run_and_kill
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


crowded = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_olga(olga):
    return signed_in("olga")


@pytest.fixture
def as_stan(stan):
    return signed_in("stan")


def test_stan_sees_what_will_happen_and_then_it_does(as_stan, stan, alice, caller):
    answer = upload(as_stan)
    assert answer.status_code == 302
    page = as_stan.get(answer.url)
    assert "1 user of users.csv will be imported. Nothing was written yet." in words(page)
    assert "1 user name differs from another in this file only in case, width or space" in words(
        page
    )
    assert "This password is too short" in words(page)
    assert [(line["line"], line["verdict"]) for line in page.context["first"]] == [
        (2, "imported"),
        (3, "refused"),
        (4, "unchanged"),
        (5, "refused"),
    ]
    assert User.objects.count() == 2
    done = as_stan.post(answer.url, {"confirm": "yes"}, follow=True)
    assert "1 user of users.csv was imported." in words(done)
    carol = User.objects.get(username="carol")
    assert (
        caller.json("/api/v1/auth/login", {"username": "carol", "password": PASSWORD}).status_code
        == 200
    )
    event = AuditEvent.objects.get(kind="imported")
    assert (event.user, event.actor, reason_of(event)) == (carol, stan, "from users.csv")
    assert PASSWORD not in body(page) + body(done)


def test_a_report_is_downloaded_before_and_after(as_stan, alice):
    url = upload(as_stan).url
    for confirmed in (False, True):
        if confirmed:
            as_stan.post(url, {"confirm": "yes"})
        lines = list(csv.reader(io.StringIO(body(as_stan.get(f"{url}report.csv")))))
        assert [line[:3] for line in lines[1:]] == [
            ["2", "carol", "imported"],
            ["3", "carol", "refused"],
            ["4", "alice", "unchanged"],
            ["5", "dave", "refused"],
        ]
        answer = as_stan.get(f"{url}report.jsonl")
        assert [json.loads(line)["line"] for line in body(answer).splitlines()] == [2, 3, 4, 5]
        assert "no-store" in answer.headers["Cache-Control"]
    assert as_stan.get(f"{url}report.exe").status_code == 404


def test_a_file_that_waits_is_encrypted_and_gone_when_it_was_used(as_stan):
    url = upload(as_stan).url
    row = PendingImport.objects.values().get()
    assert PASSWORD not in str(row)
    assert "carol" not in str(row)
    assert PASSWORD.encode() in encryption.decrypt(row["file"], f"import {row['id']}")
    as_stan.post(url, {"confirm": "yes"})
    assert PendingImport.objects.get().file == ""


def test_a_second_click_imports_nothing_twice(as_stan, alice):
    url = upload(as_stan).url
    for _ in range(2):
        answer = as_stan.post(url, {"confirm": "yes"}, follow=True)
        assert "1 user of users.csv was imported." in words(answer)
    assert AuditEvent.objects.filter(kind="imported").count() == 1


CROWD = "username\n" + "".join(f"user{number}\n" for number in range(3000))


WORKER = """
import sys, django
django.setup()
from django.test import Client
browser = Client()
browser.cookies["authsvc_session"] = sys.argv[1]
browser.post(sys.argv[2], {"confirm": "yes"})
"""


@crowded
def test_an_import_whose_worker_is_killed_is_finished_by_uploading_the_file_again(as_stan, stan):
    """Rows that were written stay, none is doubled, and the page claims nothing else."""
    url = upload(as_stan, CROWD).url
    run_and_kill(
        "-c",
        WORKER,
        as_stan.cookies["authsvc_session"].value,
        url,
        once=User.objects.exclude(pk=stan.pk).exists,
    )
    for page in (as_stan.get(url), as_stan.post(url, {"confirm": "yes"}, follow=True)):
        assert "is either still running, or was interrupted" in words(page)
        assert (
            "upload the file once more: what was imported is skipped, and the rest is imported."
            in words(page)
        )
        assert "What was to happen 3000 to be imported" in words(page)
    again = as_stan.get(upload(as_stan, CROWD).url)
    left = again.context["wanted"]
    assert 0 < left < 3000
    assert f"{left} will be imported{3000 - left} unchanged" in words(again)
    done = as_stan.post(again.request["PATH_INFO"], {"confirm": "yes"}, follow=True)
    assert f"{left} users of users.csv were imported." in words(done)
    events = AuditEvent.objects.filter(kind="imported", actor=stan)
    assert (
        events.count()
        == events.values("user").distinct().count()
        == User.objects.exclude(pk=stan.pk).count()
        == 3000
    )


@crowded
def test_one_file_that_is_uploaded_twice_and_confirmed_at_once_is_imported_once(olga, stan):
    """An operator takes an import that is still running for one that was interrupted."""
    browsers = [signed_in(name) for name in ("olga", "stan")]
    file = "".join(CROWD.splitlines(keepends=True)[:1201])  # three batches
    urls = [upload(browser, file).url for browser in browsers]
    confirming = [
        partial(browser.post, url, {"confirm": "yes"})
        for browser, url in zip(browsers, urls, strict=True)
    ]
    assert [answer.status_code for answer in at_once(*confirming)] == [302, 302]
    pages = [browser.get(url) for browser, url in zip(browsers, urls, strict=True)]
    assert [page.context["title"] for page in pages] == ["Imported", "Imported"]
    assert (
        sum(page.context["wanted"] for page in pages)
        == AuditEvent.objects.filter(kind="imported").count()
        == 1200
    )


def test_a_file_can_be_thrown_away(as_stan):
    url = upload(as_stan).url
    assert as_stan.post(url, {"cancel": "yes"}).url == IMPORT
    assert not PendingImport.objects.exists()
    assert not User.objects.filter(username="carol").exists()


def test_a_file_waits_for_its_operator_only_and_for_half_an_hour(as_stan, as_olga):
    url = upload(as_stan).url
    assert as_olga.get(url).status_code == 410
    assert as_olga.post(url, {"confirm": "yes"}).status_code == 410
    assert as_olga.get(f"{url}report.csv").status_code == 404
    assert PendingImport.objects.get().expires_at - now() < timedelta(minutes=31)
    PendingImport.objects.update(expires_at=now())
    assert "waits for half an hour" in words(as_stan.get(url))
    assert as_stan.post(url, {"confirm": "yes"}).status_code == 410
    assert not User.objects.filter(username="carol").exists()
    call_command("prune")
    assert not PendingImport.objects.exists()


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"", "users.csv", "The file is empty."),
        (b"carol,hers\n", "users.csv", "has to name the columns"),
        ("username\ncarol\n".encode("utf-16"), "users.csv", "UTF-16"),
        (USERS.encode(), "users.xlsx", "has to end in .csv or .jsonl"),
        (
            b"username\n" + b"".join(b"p%d\n" % number for number in range(10_001)),
            "users.csv",
            "more than 10,000 users",
        ),
        (
            b"username,password\n"
            + b"".join(b"p%d,%s\n" % (n, PASSWORD.encode()) for n in range(501)),
            "p.csv",
            "more than 500 plain passwords",
        ),
        (b"username\n" + b"x\n" * (5 * 2**19), "users.csv", "more than 5 MB"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_a_sentence(as_stan, content, name, sentence):
    answer = upload(as_stan, content, name)
    assert answer.status_code == 422
    assert sentence in errors(answer)
    assert "hers" not in body(answer)
    assert not PendingImport.objects.exists()


def test_the_pages_cost_few_queries(as_stan, django_assert_max_num_queries):
    url = upload(as_stan, "username\n" + "".join(f"user{number}\n" for number in range(400))).url
    with django_assert_max_num_queries(4):  # the browser's session, who it is, the file
        as_stan.get(url)
    with django_assert_max_num_queries(4):
        as_stan.get(IMPORT)
