"""Credentials that count for a proxy as they do at the endpoints of the contracts."""

import pytest

from accounts.models import User
from authsvc.contracts import urls
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

LOGIN, VALIDATE = "/c/bearer/api/v1/auth/login", "/c/envelope/api/auth/validate"


def test_a_token_counts_on_after_its_contract_is_switched_off(ask, caller, alice, settings):
    credentials = {"username": "alice", "password": PASSWORD}
    token = caller.json(LOGIN, credentials).json()["access_token"]
    settings.CONTRACTS = ["envelope"]
    served = {"urlpatterns": urls.urls(frozenset(settings.CONTRACTS))}
    settings.ROOT_URLCONF = type("Routes", (), served)
    assert caller.json(LOGIN, credentials).status_code == 404
    assert caller.get(VALIDATE, token).status_code == 200
    assert ask(Authorization=f"Bearer {token}").status == 200


def test_an_api_key_counts_while_its_owner_must_change_the_password(ask, caller, alice, key):
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    assert caller.get(VALIDATE, key).status_code == 200
    assert ask(Authorization=f"Bearer {key}").status == 200
