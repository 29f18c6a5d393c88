"""Olga stores credentials of providers; no page shows the secret, and Stan is refused."""

import logging

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from accounts.errors import NotPermitted
from accounts.models import AuditEvent, User
from accounts.operators import privileged
from apikeys.models import ProviderCredential
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST, ADD = (reverse(f"admin:apikeys_providercredential_{name}") for name in ("changelist", "add"))
AWS, DELETE = (
    reverse(f"admin:apikeys_providercredential_{name}", args=["aws"])
    for name in ("change", "delete")
)
HISTORY, INDEX = (
    reverse("admin:apikeys_providercredential_history", args=["aws"]),
    reverse("admin:index"),
)
KEY_ID, SECRET, ANOTHER = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "another/secret/of/forty/letters/or/more1",
)
SURE = {"reason": "the yearly one", "password": PASSWORD}
FILLED = {"provider": "aws", "key_id": KEY_ID, "region": "eu-north-1", "secret": SECRET, **SURE}


@pytest.fixture
def stored():
    credential = ProviderCredential(provider="aws", key_id=KEY_ID, region="eu-north-1")
    credential.encrypt_secret(SECRET)
    credential.save()


def aws():
    return ProviderCredential.objects.get(pk="aws")


def change():
    return AuditEvent.objects.exclude(kind="credentials_viewed").get(kind__startswith="credentials")


def test_olga_stores_credentials(as_olga, olga):
    assert as_olga.post(ADD, FILLED).status_code == 302
    assert (aws().key_id, aws().region, aws().decrypt_secret()) == (KEY_ID, "eu-north-1", SECRET)
    event = change()
    assert (event.kind, event.name, event.actor) == ("credentials_changed", "aws", olga)
    assert reason_of(event) == f"{KEY_ID}, eu-north-1, new secret: the yearly one"


def test_nvidia_has_nothing_but_a_secret(as_olga):
    assert as_olga.post(ADD, {"provider": "nvidia", "secret": SECRET, **SURE}).status_code == 302
    assert ProviderCredential.objects.get(pk="nvidia").decrypt_secret() == SECRET


def test_olga_changes_the_region_and_leaves_the_secret(as_olga, olga, stored):
    before = aws().encrypted_secret
    assert (
        as_olga.post(
            AWS, {"key_id": KEY_ID, "region": "us-east-1", "secret": "", **SURE}
        ).status_code
        == 302
    )
    assert (aws().region, aws().encrypted_secret) == ("us-east-1", before)
    event = change()
    assert (event.actor, reason_of(event)) == (
        olga,
        f"{KEY_ID}, us-east-1, same secret: the yearly one",
    )


def test_olga_replaces_the_secret(as_olga, stored):
    assert (
        as_olga.post(
            AWS, {"key_id": "AKIA" + "X" * 12, "region": "eu-north-1", "secret": ANOTHER, **SURE}
        ).status_code
        == 302
    )
    assert (aws().key_id, aws().decrypt_secret()) == ("AKIA" + "X" * 12, ANOTHER)


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
def test_malformed_credentials_are_refused_with_a_reason(as_olga, changes, field):
    answer = as_olga.post(ADD, FILLED | changes)
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    assert SECRET not in answer.content.decode()
    assert not ProviderCredential.objects.exists()


def test_a_new_key_id_needs_its_own_secret(as_olga, stored):
    answer = as_olga.post(
        AWS, {"key_id": "AKIA" + "X" * 12, "region": "eu-north-1", "secret": "", **SURE}
    )
    assert answer.context["adminform"].form.errors == {
        "secret": ["New credentials need their secret."]
    }
    assert aws().key_id == KEY_ID


def test_a_provider_has_one_row(as_olga, stored):
    assert as_olga.post(ADD, FILLED | {"secret": ANOTHER}).status_code == 200
    assert aws().decrypt_secret() == SECRET


def test_olga_deletes_credentials(as_olga, olga, stored):
    assert "Who asks for them is told that none are stored" in as_olga.get(DELETE).content.decode()
    assert as_olga.post(DELETE, SURE).status_code == 302
    assert not ProviderCredential.objects.exists()
    event = change()
    assert (event.kind, event.name, event.actor, reason_of(event)) == (
        "credentials_deleted",
        "aws",
        olga,
        "the yearly one",
    )
    assert as_olga.post(DELETE, SURE).status_code == 302


def test_many_cannot_be_deleted_at_once(as_olga, stored):
    as_olga.post(LIST, {"action": "delete_selected", "_selected_action": ["aws"], "post": "yes"})
    assert aws()


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"reason": " "}, {"password": ""}, {"password": "wrong"}]
)
def test_without_a_reason_or_the_password_nothing_happens(as_olga, stored, wrong):
    before = ProviderCredential.objects.values().get()
    answer = as_olga.post(AWS, FILLED | {"secret": ANOTHER} | wrong)
    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, list(wrong))
    assert as_olga.post(DELETE, SURE | wrong).status_code == 422
    assert ProviderCredential.objects.values().get() == before


def test_a_wrong_password_here_counts_like_everywhere(as_olga, stored):
    for _ in range(10):
        as_olga.post(AWS, FILLED | {"secret": ANOTHER, "password": "wrong"})
    assert (
        "Too many wrong passwords"
        in as_olga.post(AWS, FILLED | {"secret": ANOTHER}).content.decode()
    )
    assert aws().decrypt_secret() == SECRET


def test_a_form_with_another_fault_costs_no_attempt(as_olga, stored):
    for _ in range(12):
        as_olga.post(AWS, FILLED | {"region": "nowhere", "password": "wrong"})
    assert as_olga.post(AWS, FILLED).status_code == 302


def test_the_password_is_not_asked_again_at_once(as_olga, stored):
    as_olga.post(AWS, FILLED)
    assert "Your password" not in as_olga.get(AWS).content.decode()
    assert as_olga.post(AWS, {**FILLED, "secret": ANOTHER, "password": ""}).status_code == 302
    assert aws().decrypt_secret() == ANOTHER


def test_olga_sees_it_masked_and_that_look_is_on_record(as_olga, olga, stored):
    page = as_olga.get(AWS).content.decode()
    assert f"wJal{'*' * 28}EKEY" in page
    assert "hand the new one to the programs that use it" in page
    event = AuditEvent.objects.get(kind="credentials_viewed")
    assert (event.user, reason_of(event), event.contract) == (olga, "aws", "admin")


def test_a_secret_that_cannot_be_decrypted_is_said_to_be_so_and_can_be_stored_again(
    as_olga, stored
):
    ProviderCredential.objects.update(encrypted_secret="gAAAA")
    assert "cannot be decrypted" in as_olga.get(AWS).content.decode()
    assert AuditEvent.objects.filter(kind="credentials_refused").count() == 1
    assert as_olga.post(AWS, FILLED).status_code == 302
    assert aws().decrypt_secret() == SECRET


def test_the_core_refuses_an_operator_who_is_no_super_admin_any_more(olga, stored):
    User.objects.filter(pk=olga.pk).update(is_superuser=False)
    with (
        pytest.raises(NotPermitted),
        privileged.super_admin(olga, "store AWS credentials", "because"),
    ):
        pytest.fail("let in")
    assert AuditEvent.objects.get().kind == "act_refused"


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
    assert entries == [
        ("AWS credentials", '[{"added": {}}]'),
        ("AWS credentials", '[{"changed": {"fields": ["secret"]}}]'),
    ]
    told = (
        "".join(answer.content.decode() for answer in answers)
        + str(entries)
        + caplog.text
        + "".join(capfd.readouterr())
    )
    sealed = aws().encrypted_secret
    assert [secret for secret in (SECRET, ANOTHER, sealed, SECRET[4:-4]) if secret in told] == []


def test_stan_has_no_business_here(as_stan, stored):
    assert [as_stan.get(path).status_code for path in (LIST, ADD, AWS, HISTORY, DELETE)] == [
        403
    ] * 5
    assert [
        as_stan.post(path, {**FILLED, "secret": ANOTHER, "post": "yes"}).status_code
        for path in (ADD, AWS, DELETE)
    ] == [403] * 3
    assert (
        as_stan.post(
            LIST, {"action": "delete_selected", "_selected_action": ["aws"], "post": "yes"}
        ).status_code
        == 403
    )
    assert aws().decrypt_secret() == SECRET
    assert "credentials" not in as_stan.get(INDEX).content.decode()


def test_a_user_is_shown_the_way_in_and_no_more(client, alice, stored):
    client.force_login(alice)
    assert [client.get(path).status_code for path in (LIST, ADD, AWS, DELETE)] == [302] * 4


def test_too_many_wrong_passwords_store_nothing_and_say_when_to_try_again(as_olga):
    for _ in range(10):
        as_olga.post(ADD, {**FILLED, "password": "wrong"})
    answer = as_olga.post(ADD, FILLED)
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    assert not ProviderCredential.objects.exists()
