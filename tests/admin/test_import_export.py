"""Files of users in the admin site: Olga and Stan look at what will happen before it does."""

import csv
import io
import json
import re
from datetime import timedelta
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from accounts import encryption
from accounts.models import AuditEvent, PendingImport, User
from tests.audit_events import told
from tests.concurrency import at_once, run_and_kill
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
crowded = pytest.mark.django_db(transaction=True)
IMPORT, EXPORT, LOGIN, LIST = (
    reverse(f"admin:{name}")
    for name in (
        "accounts_user_import",
        "accounts_user_export",
        "login",
        "accounts_user_changelist",
    )
)
USERS = f"""\
username,email,name,password
Carol,carol@example.com,Carol Danvers,{PASSWORD}
CAROL,,,
Alice,,,
dave,,=1+1,short
"""


def signed_in(username):
    """Return a browser in which the password was given a moment ago."""
    browser = Client()
    assert (
        browser.post(LOGIN, {"username": username, "password": PASSWORD, "next": LIST}).status_code
        == 302
    )
    return browser


def stale(browser):
    """Return the browser as it is an hour later."""
    session = browser.session
    session["password_given_at"] = int(now().timestamp()) - 3600
    session.save()
    return browser


@pytest.fixture
def as_olga(olga):
    return signed_in("olga")


@pytest.fixture
def as_stan(stan):
    return signed_in("stan")


def upload(browser, content=USERS, name="users.csv", **options):
    content = content.encode() if isinstance(content, str) else content
    return browser.post(IMPORT, {"file": SimpleUploadedFile(name, content), **options})


def errors(answer):
    return " ".join(" ".join(each) for each in answer.context["form"].errors.values())


def body(answer):
    return (
        b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()
    )


def words(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", body(answer)))


# Import


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
    assert (event.user, event.actor, told(event)) == (carol, stan, "from users.csv")
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
    urls = [upload(browser, CROWD).url for browser in browsers]
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
        == 3000
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


HASH = "$2b$04$" + "." * 53
HASHED = f"username,password_hash\ncarol,{HASH}\ndave,\n"


def test_stan_imports_accounts_without_hashes_whatever_he_sends(as_stan):
    url = upload(as_stan, HASHED).url
    assert "only super admins import password hashes" in words(as_stan.get(url))
    as_stan.post(url, {"confirm": "yes"})
    assert [
        *User.objects.filter(username__in=["carol", "dave"]).values_list("username", flat=True)
    ] == ["dave"]
    url = upload(as_stan, HASHED).url
    row = PendingImport.objects.get(begun_at=None)
    row.options["hashes"] = True
    row.save()
    assert as_stan.post(url, {"confirm": "yes", "reason": "why not"}).status_code == 403
    assert not User.objects.filter(username="carol").exists()
    assert AuditEvent.objects.filter(kind="act_refused").exists()


def test_olga_imports_hashes_with_her_password_and_a_reason(as_olga, olga):
    url = upload(stale(as_olga), HASHED).url
    page = as_olga.get(url)
    assert set(page.context["form"].fields) == {"password", "reason"}
    for lacking in (
        {"reason": "moving"},
        {"password": PASSWORD},
        {"password": "wrong", "reason": "moving"},
    ):
        assert as_olga.post(url, {"confirm": "yes", **lacking}).status_code == 422
    assert not User.objects.filter(username="carol").exists()
    as_olga.post(url, {"confirm": "yes", "password": PASSWORD, "reason": "moving"})
    reasons = {
        event.name: told(event) for event in AuditEvent.objects.filter(kind="imported", actor=olga)
    }
    assert reasons == {
        "carol": "from users.csv, with a password hash: moving",
        "dave": "from users.csv: moving",
    }


ADMINS = "username,role\ncarol,admin\ndave,user\n"


def test_stan_can_make_no_admin_whatever_he_sends(as_stan):
    url = upload(as_stan, ADMINS, roles="on").url
    assert "admins are not imported unless that is asked for" in words(as_stan.get(url))
    row = PendingImport.objects.get()
    row.options["roles"] = True
    row.save()
    assert as_stan.post(url, {"confirm": "yes"}).status_code == 403
    assert not User.objects.filter(username__in=["carol", "dave"]).exists()


def test_olga_takes_admins_in_with_her_password(as_olga):
    url = upload(as_olga, ADMINS, roles="on").url
    assert stale(as_olga).post(url, {"confirm": "yes"}).status_code == 422
    assert stale(as_olga).post(url, {"confirm": "yes", "password": "wrong"}).status_code == 422
    assert not User.objects.filter(username="carol").exists()
    assert stale(as_olga).post(url, {"confirm": "yes", "password": PASSWORD}).status_code == 302
    assert User.objects.get(username="carol").role == "admin"


def test_olga_who_was_demoted_meanwhile_imports_no_admins(as_olga, olga):
    url = upload(as_olga, ADMINS, roles="on").url
    User.objects.filter(pk=olga.pk).update(is_superuser=False)
    assert as_olga.post(url, {"confirm": "yes"}).status_code == 403
    assert not User.objects.filter(username="carol").exists()


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


def test_no_other_page_takes_a_large_body(as_stan):
    answer = as_stan.get(upload(as_stan, b"username\n" + b"x\n" * 10**7).url)
    assert "This file has more than 5 MB." in words(answer)
    assert (
        as_stan.post(LIST, {"file": SimpleUploadedFile("users.csv", b"x" * 10**5)}).status_code
        == 400
    )


def test_the_pages_cost_few_queries(as_stan, django_assert_max_num_queries):
    url = upload(as_stan, "username\n" + "".join(f"user{number}\n" for number in range(400))).url
    with django_assert_max_num_queries(4):  # the browser's session, who it is, the file
        as_stan.get(url)
    with django_assert_max_num_queries(4):
        as_stan.get(IMPORT)


# Export


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
    assert [(str(event.actor), told(event)) for event in events] == [
        ("olga", "accounts with state=active, jsonl: ticket 7"),
        ("olga", "all accounts, csv: ticket 7"),
    ]


@pytest.mark.own_sql
def test_olga_exports_what_she_searched_for(as_olga, alice, bob):
    answer = as_olga.post(f"{EXPORT}?q=liddell", {"form": "jsonl", "reason": "ticket 7"})
    assert [json.loads(line)["username"] for line in body(answer).splitlines()] == ["alice"]
    assert told(AuditEvent.objects.get(kind="exported")) == "accounts with q=…, jsonl: ticket 7"


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
    held = json.loads(body(as_stan.post(data(alice), {"reason": "she asked"})))
    assert held["profile"]["username"] == "alice"
    event = AuditEvent.objects.get(kind="person_exported")
    assert (event.user, event.actor, told(event)) == (alice, stan, "she asked")
    assert as_stan.post(data(olga)).status_code == 403
    assert stale(as_stan).post(data(alice)).status_code == 422
    assert data(alice) in body(as_stan.get(reverse("admin:accounts_user_change", args=[alice.pk])))


# Erasing


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


# Who may


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
