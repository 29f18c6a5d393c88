"""Imports of password hashes and of admins, which only super admins confirm."""

import pytest

from accounts.models import AuditEvent, PendingImport, User
from tests.admin.files import signed_in, stale, upload, words
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def as_olga(olga):
    return signed_in("olga")


@pytest.fixture
def as_stan(stan):
    return signed_in("stan")


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
        event.name: reason_of(event)
        for event in AuditEvent.objects.filter(kind="imported", actor=olga)
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
