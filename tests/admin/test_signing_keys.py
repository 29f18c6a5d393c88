"""Olga rotates the keys that sign tokens; no user is logged out by that."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from accounts import identities, keyring, sessions
from accounts.errors import InvalidToken, MissingReason, NotPermitted
from accounts.models import AuditEvent, SigningKey, User
from accounts.operators import privileged
from authsvc.contracts import bearer
from tests.audit_events import reason_of
from tests.conftest import PASSWORD

pytestmark = pytest.mark.usefixtures("db")
LIST, ROTATE = (reverse(f"admin:accounts_signingkey_{name}") for name in ("changelist", "rotate"))
SURE = {"reason": "the yearly one", "password": PASSWORD}


def retire(kid):
    return reverse("admin:accounts_signingkey_retire", args=[kid])


def key(use):
    return SigningKey.objects.get(use=use)


@pytest.fixture
def alices(alice):
    return sessions.open_session(bearer.contract.policy, "alice", PASSWORD)


def test_olga_sees_what_each_key_does(as_olga, olga, django_assert_num_queries):
    keyring.rotate()
    as_olga.get(LIST)
    with django_assert_num_queries(3):
        page = as_olga.get(LIST).content.decode()
    for word in (
        "Signs every new token",
        "It will sign after the next rotation",
        "Signs nothing any more",
        "Retire now",
        "ES256",
    ):
        assert word in page
    assert all(row.kid in page and row.private not in page for row in SigningKey.objects.all())


def test_olga_rotates_and_no_user_is_logged_out(as_olga, olga, alices):
    current, following = key("current").kid, key("next").kid
    answer = as_olga.post(ROTATE, SURE, follow=True)
    assert (
        f"The key {following} signs from now on. No user has to log in again."
        in answer.content.decode()
    )
    assert (key("current").kid, key("previous").kid) == (following, current)
    assert identities.identify(alices.access).username == "alice"
    event = AuditEvent.objects.get(kind="signing_key_rotated")
    assert (event.actor, event.name, event.note) == (olga, following, "the yearly one")


def test_the_page_says_what_clients_will_notice_before_anything_happens(as_olga):
    before = list(SigningKey.objects.values())
    page = as_olga.get(ROTATE).content.decode()
    for word in (
        "No user has to log in again",
        "http://testserver/.well-known/jwks.json",
        key("next").kid,
        f"{now() + timedelta(days=365):%Y-%m-%d}",
    ):
        assert word in page
    assert list(SigningKey.objects.values()) == before


def test_a_warning_is_shown_for_a_next_key_published_a_moment_ago(as_olga):
    assert "was published only" in as_olga.get(ROTATE).content.decode()
    assert "may not know it before" in as_olga.get(LIST).content.decode()
    SigningKey.objects.filter(use="next").update(created_at=now() - timedelta(minutes=61))
    assert "was published only" not in as_olga.get(ROTATE).content.decode()
    assert "may not know it before" not in as_olga.get(LIST).content.decode()


def test_another_algorithm_is_pointed_out(as_olga):
    assert "The algorithm changes" not in as_olga.get(ROTATE).content.decode()
    SigningKey.objects.filter(use="next").update(algorithm="RS256")
    assert "The algorithm changes from ES256 to RS256" in as_olga.get(ROTATE).content.decode()


def test_olga_retires_a_leaked_key_and_its_tokens_with_it(as_olga, olga, alices):
    leaked = key("current").kid
    as_olga.post(ROTATE, SURE)
    assert "Every token that" in as_olga.get(retire(leaked)).content.decode()
    answer = as_olga.post(
        retire(leaked), {"reason": "found on a laptop"}, follow=True
    )  # the password was given just now
    assert f"The key {leaked} is retired" in answer.content.decode()
    with pytest.raises(InvalidToken):
        identities.identify(alices.access)
    event = AuditEvent.objects.get(kind="signing_key_retired")
    assert (event.actor, event.name, event.note) == (olga, leaked, "found on a laptop")


@pytest.mark.parametrize("use", ["current", "next"])
def test_the_key_that_signs_and_the_next_one_cannot_be_retired(as_olga, use):
    kid = key(use).kid
    for answer in (
        as_olga.get(retire(kid), follow=True),
        as_olga.post(retire(kid), SURE, follow=True),
    ):
        assert "Nothing was done" in answer.content.decode()
    assert key(use).kid == kid
    assert not AuditEvent.objects.filter(kind="signing_key_retired").exists()


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"reason": "  "}, {"password": ""}, {"password": "wrong"}]
)
def test_without_a_reason_or_the_password_nothing_happens(as_olga, wrong):
    keyring.rotate()
    before = list(SigningKey.objects.order_by("pk").values())
    for path in (ROTATE, retire(key("previous").kid)):
        assert as_olga.post(path, SURE | wrong).status_code == 422
    assert list(SigningKey.objects.order_by("pk").values()) == before


def test_a_wrong_password_here_counts_like_everywhere(as_olga):
    for _ in range(10):
        as_olga.post(ROTATE, SURE | {"password": "wrong"})
    assert as_olga.post(ROTATE, SURE).status_code == 429
    assert not AuditEvent.objects.filter(kind="signing_key_rotated").exists()


def test_stan_sees_and_does_nothing_here(client, stan):
    keyring.rotate()
    client.force_login(stan)
    before = list(SigningKey.objects.order_by("pk").values())
    for path in (LIST, ROTATE, retire(key("previous").kid)):
        assert client.get(path).status_code == 403
        assert client.post(path, SURE).status_code == 403
    assert list(SigningKey.objects.order_by("pk").values()) == before


def test_the_core_refuses_and_records_an_operator_who_is_no_super_admin_any_more(olga):
    User.objects.filter(pk=olga.pk).update(is_superuser=False)
    kid = key("current").kid
    with pytest.raises(NotPermitted):
        privileged.rotate_signing_key(olga, "because")
    with pytest.raises(NotPermitted):
        privileged.retire_signing_key(olga, kid, "because")
    assert key("current").kid == kid
    assert [
        reason_of(event)
        for event in AuditEvent.objects.filter(kind="act_refused", actor=olga).order_by("pk")
    ] == [
        "rotate the signing keys",
        f"retire the signing key {kid}",
    ]


def test_the_core_wants_a_reason(olga):
    with pytest.raises(MissingReason):
        privileged.rotate_signing_key(olga, " ")


def test_a_rotation_on_the_machine_is_on_record_too():
    keyring.rotate()
    event = AuditEvent.objects.get()
    assert (event.kind, event.actor, event.name) == (
        "signing_key_rotated",
        None,
        key("current").kid,
    )


@pytest.mark.own_sql
def test_an_address_that_no_key_can_have_leads_to_the_first_page(as_olga):
    """PostgreSQL takes no NUL in a text; Django's admin sends who asks for no object away."""
    at = reverse("admin:accounts_signingkey_changelist") + "%00/retire/"
    for answer in (as_olga.get(at, follow=True), as_olga.post(at, {"reason": "7"}, follow=True)):
        assert answer.status_code == 200
        assert answer.redirect_chain[-1] == (reverse("admin:index"), 302)
