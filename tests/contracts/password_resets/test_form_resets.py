"""Password resets of document 002, its examples in its own order."""

from urllib.parse import quote

import pytest

from accounts.mail import delivery
from accounts.models import OutgoingMail, User
from tests.contracts.password_resets.mounts import (
    SHARED,
    detail,
    forms,
    told,
)

pytestmark = pytest.mark.django_db


@forms
@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "alice+news@example.com",
        "a/b@example.com",
        "o'brien&sons@example.com",
        "50%25@example.com",
        "what?@example.com",
        "a;b=c@example.com",
        "jürgen@exämple.com",
        "алиса@пример.рф",
        "爱丽丝@例子.中国",
    ],
)
def test_form_password_recovery(caller, alice, mount, address):
    """Every character that a path can lose on its way, percent-encoded or not."""
    User.objects.filter(pk=alice.pk).update(email=address)
    for path in {
        quote(address, safe=""),
        quote(address, safe="/@"),
        quote(address.upper(), safe="+@"),
    }:
        answer = caller.http.post(f"{mount}/password-recovery/{path}")
        assert told(answer) == (200, {"message": "Password recovery email sent."})
        assert delivery.recipient(OutgoingMail.objects.latest("pk")) == alice


@forms
def test_form_password_recovery_with_a_slash_at_the_end(caller, alice, deliver, mount):
    answer = caller.http.post(f"{mount}/password-recovery/alice@example.com/")
    assert told(answer) == (200, {"message": "Password recovery email sent."})
    assert deliver() == ["alice@example.com"]


@forms
def test_form_password_recovery_of_somebody_unknown(caller, alice, deliver, mount):
    known, unknown = (
        caller.http.post(f"{mount}/password-recovery/{name}@example.com")
        for name in ("alice", "nobody")
    )
    assert told(known) == told(unknown) == (200, {"message": "Password recovery email sent."})
    assert deliver() == ["alice@example.com"]


@forms
@pytest.mark.parametrize(
    "path",
    [
        "alice@example.com%0D%0ABcc:eve@example.com",
        "alice@example.com%0ABcc:eve@example.com",
        "alice@example.com%0DBcc:eve@example.com",
        "alice@example.com,eve@example.com",
        "eve@example.com%20alice@example.com",
        "alice@example.com%00",
        "%22Alice%22%20%3Calice@example.com%3E",
        "alice@example.com%3Fbcc=eve@example.com",
        "alice@example.com%E2%80%A8Bcc:eve@example.com",
        "%ED%A0%80@example.com",
        "%FF@example.com",
        "a" * 300 + "@example.com",
    ],
)
def test_form_password_recovery_of_a_malformed_address(caller, alice, deliver, mount, path):
    answer = caller.http.post(f"{mount}/password-recovery/{path}")
    assert answer.status_code in (200, 400, 404)
    nowhere = (
        {"detail", "error"} if mount == SHARED else {"detail"}
    )  # a path that no document names
    assert (
        answer.json().keys()
        == {200: {"message"}, 400: {"detail"}, 404: nowhere}[answer.status_code]
    )
    assert deliver() == []


@forms
def test_form_password_recovery_asked_for_in_other_ways(caller, alice, mount):
    place = f"{mount}/password-recovery/alice@example.com"
    for answer in (caller.get(place), caller.http.put(place), caller.http.delete(place)):
        assert told(answer) == (405, detail(mount, "Method not allowed"))
    assert not OutgoingMail.objects.exists()
    assert caller.json(place, {"email": "eve@example.com"}).status_code == 200
    assert OutgoingMail.objects.get().identifier == "alice@example.com"
