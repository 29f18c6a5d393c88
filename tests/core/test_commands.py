"""What Olga types on the machine itself."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import keyring
from accounts.models import SigningKey, User

pytestmark = pytest.mark.usefixtures("db")


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def stored():
    return list(User.objects.order_by("pk").values_list()), list(SigningKey.objects.order_by("kid").values_list())


def test_the_first_setup_prints_a_password_that_works(caller):
    printed = run("setup")
    found = re.search(r"user name (\S+), password (\S+) ", printed)
    assert found
    username, password = found.groups()
    assert len(password) >= 20
    answer = caller.json("/api/auth/login", {"username": username, "password": password})
    assert (answer.status_code, answer.json()["user"]["role"]) == (200, "super_admin")
    assert "http://testserver/admin/" in printed


def test_the_second_setup_prints_nothing_and_changes_nothing():
    run("setup")
    before = stored()
    assert run("setup") == ""
    assert stored() == before


def test_setup_makes_no_admin_where_there_is_one(olga):
    assert run("setup") == ""
    assert User.objects.get() == olga


def test_setup_makes_the_keys_that_sign():
    SigningKey.objects.all().delete()
    run("setup")
    assert sorted(SigningKey.objects.values_list("use", flat=True)) == ["current", "next"]


def test_setup_with_another_secret_key_says_what_to_do(settings):
    settings.SECRET_KEY = "another secret, of thirty-two letters and more"
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        run("setup")
    assert not User.objects.exists()


def test_setup_gives_nobody_who_happens_to_be_called_admin_more_rights():
    User.objects.create_user("admin")
    run("setup")
    assert not User.objects.get(username="admin").is_superuser


def test_rotation_says_which_key_signs():
    following = SigningKey.objects.get(use="next").kid
    assert run("rotate_signing_key") == f"{following} signs from now on.\n"
    assert keyring.current().kid == following


def test_a_previous_key_can_be_retired():
    old = keyring.current().kid
    run("rotate_signing_key")
    assert run("rotate_signing_key", "--retire", old) == f"{old} is retired.\n"
    assert keyring.find(old) is None


@pytest.mark.parametrize("kid", ["unknown", "current"])
def test_a_key_that_is_not_previous_cannot_be_retired(kid):
    named = keyring.current().kid if kid == "current" else kid
    with pytest.raises(CommandError, match="not a previous signing key"):
        run("rotate_signing_key", "--retire", named)
    assert keyring.find(keyring.current().kid)
