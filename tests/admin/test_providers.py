"""Olga gives the service its providers' credentials; nobody gets the secret back, and Stan has no business here."""

import logging

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from accounts.models import AuditEvent, User
from apikeys import providers
from apikeys.models import ProviderCredential
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST, ADD = (reverse(f"admin:apikeys_providercredential_{name}") for name in ("changelist", "add"))
AWS, DELETE = (reverse(f"admin:apikeys_providercredential_{name}", args=["aws"]) for name in ("change", "delete"))
HISTORY, INDEX = reverse("admin:apikeys_providercredential_history", args=["aws"]), reverse("admin:index")
KEY_ID, SECRET, ANOTHER = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "another/secret/of/forty/letters/or/more1"
FILLED = {"provider": "aws", "key_id": KEY_ID, "region": "eu-north-1", "secret": SECRET}


@pytest.fixture
def as_olga(client, olga):
    client.force_login(olga)
    return client


@pytest.fixture
def as_stan(client):
    client.force_login(User.objects.create_user("stan", PASSWORD, is_staff=True))
    return client


@pytest.fixture
def stored():
    providers.store(ProviderCredential(provider="aws", key_id=KEY_ID, region="eu-north-1"), SECRET)
    AuditEvent.objects.all().delete()


def aws():
    return ProviderCredential.objects.get(pk="aws")


def change():
    return AuditEvent.objects.get(kind__startswith="credentials")


def test_olga_stores_credentials(as_olga, olga):
    assert as_olga.post(ADD, FILLED).status_code == 302
    assert (aws().key_id, aws().region, aws().open()) == (KEY_ID, "eu-north-1", SECRET)
    event = change()
    assert (event.kind, event.name, event.actor) == ("credentials_changed", "aws", olga)
    assert event.reason == f"{KEY_ID}, eu-north-1, new secret"


def test_nvidia_has_nothing_but_a_secret(as_olga):
    assert as_olga.post(ADD, {"provider": "nvidia", "secret": SECRET}).status_code == 302
    assert ProviderCredential.objects.get(pk="nvidia").open() == SECRET


def test_olga_changes_the_region_and_leaves_the_secret(as_olga, olga, stored):
    before = aws().sealed
    assert as_olga.post(AWS, {"key_id": KEY_ID, "region": "us-east-1", "secret": ""}).status_code == 302
    assert (aws().region, aws().sealed) == ("us-east-1", before)
    event = change()
    assert (event.actor, event.reason) == (olga, f"{KEY_ID}, us-east-1, same secret")


def test_olga_replaces_the_secret(as_olga, stored):
    assert as_olga.post(AWS, {"key_id": "AKIA" + "X" * 12, "region": "eu-north-1", "secret": ANOTHER}).status_code == 302
    assert (aws().key_id, aws().open()) == ("AKIA" + "X" * 12, ANOTHER)


def test_the_provider_of_a_row_stays(as_olga, stored):
    as_olga.post(AWS, {**FILLED, "provider": "nvidia"})
    assert [credential.pk for credential in ProviderCredential.objects.all()] == ["aws"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secret": ""}, "secret"),
        ({"secret": "two\nlines"}, "secret"),
        ({"secret": "x" * 4097}, "secret"),
        ({"key_id": ""}, "key_id"),
        ({"key_id": "akia"}, "key_id"),
        ({"region": "$(id)"}, "region"),
        ({"provider": "nvidia"}, "key_id"),
        ({"provider": "azure"}, "provider"),
    ],
)
def test_what_no_provider_gives_out_is_refused_with_a_reason(as_olga, changes, field):
    answer = as_olga.post(ADD, FILLED | changes)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert SECRET not in answer.content.decode()
    assert not ProviderCredential.objects.exists()


def test_a_new_key_id_needs_its_own_secret(as_olga, stored):
    answer = as_olga.post(AWS, {"key_id": "AKIA" + "X" * 12, "region": "eu-north-1", "secret": ""})
    assert answer.context["adminform"].form.errors == {"secret": ["New credentials need their secret."]}
    assert aws().key_id == KEY_ID


def test_a_provider_has_one_row(as_olga, stored):
    assert as_olga.post(ADD, FILLED | {"secret": ANOTHER}).status_code == 200
    assert aws().open() == SECRET


def test_olga_deletes_credentials(as_olga, olga, stored):
    assert as_olga.post(DELETE, {"post": "yes"}).status_code == 302
    assert not ProviderCredential.objects.exists()
    event = change()
    assert (event.kind, event.name, event.actor) == ("credentials_deleted", "aws", olga)


def test_olga_deletes_the_selected_ones(as_olga, olga, stored):
    as_olga.post(LIST, {"action": "delete_selected", "_selected_action": ["aws"], "post": "yes"})
    assert not ProviderCredential.objects.exists()
    assert change().actor == olga


def test_no_page_no_history_and_no_log_holds_the_secret(as_olga, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    answers = [
        as_olga.post(ADD, FILLED, follow=True),
        as_olga.post(AWS, {**FILLED, "region": "nowhere", "secret": ANOTHER}),
        as_olga.post(AWS, {**FILLED, "secret": ANOTHER}, follow=True),
        *(as_olga.get(path) for path in (LIST, AWS, HISTORY, DELETE, INDEX)),
    ]
    assert {answer.status_code for answer in answers} == {200}
    entries = list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))
    assert entries == [("AWS credentials", '[{"added": {}}]'), ("AWS credentials", '[{"changed": {"fields": ["secret"]}}]')]
    told = "".join(answer.content.decode() for answer in answers) + str(entries) + caplog.text + "".join(capfd.readouterr())
    sealed = aws().sealed
    assert [secret for secret in (SECRET, ANOTHER, sealed, SECRET[4:-4]) if secret in told] == []


def test_stan_has_no_business_here(as_stan, stored):
    assert [as_stan.get(path).status_code for path in (LIST, ADD, AWS, HISTORY, DELETE)] == [403] * 5
    assert [as_stan.post(path, {**FILLED, "secret": ANOTHER, "post": "yes"}).status_code for path in (ADD, AWS, DELETE)] == [403] * 3
    assert as_stan.post(LIST, {"action": "delete_selected", "_selected_action": ["aws"], "post": "yes"}).status_code == 403
    assert aws().open() == SECRET
    assert "credentials" not in as_stan.get(INDEX).content.decode()


def test_a_user_is_shown_the_way_in_and_no_more(client, alice, stored):
    client.force_login(alice)
    assert [client.get(path).status_code for path in (LIST, ADD, AWS, DELETE)] == [302] * 4
