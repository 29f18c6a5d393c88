"""The command ``erase_user``."""

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.own_sql]


def erase(*arguments):
    out = io.StringIO()
    call_command("erase_user", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_asks_for_the_name_and_erases(monkeypatch, alice):
    for typed in ("", "yes", "bob"):
        monkeypatch.setattr("builtins.input", lambda prompt, typed=typed: typed)
        with pytest.raises(CommandError, match="Nothing was erased"):
            erase("alice", "--reason", "asked")
    monkeypatch.setattr("builtins.input", lambda prompt: "alice")
    printed = erase("Alice@example.com", "--reason", "asked")
    alice.refresh_from_db()
    assert printed.rstrip().endswith(f"called {alice.username}.")
    event = AuditEvent.objects.get(kind="erased")
    assert (event.user, event.actor, event.name, event.note) == (
        alice,
        None,
        alice.username,
        "asked",
    )


def test_a_refusal_of_the_command_is_a_sentence(olga):
    for arguments, sentence in [
        (("nobody", "--reason", "x", "--yes"), "no account"),
        (("olga", "--reason", " ", "--yes"), "Give a reason"),
        (("olga", "--yes"), "--reason"),
        (("olga", "--reason", "x", "--yes"), "Nothing was erased: the last super admin."),
    ]:
        with pytest.raises(CommandError, match=sentence):
            erase(*arguments)
