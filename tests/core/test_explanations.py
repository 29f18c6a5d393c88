"""Each event reads as a sentence."""

import inspect

import pytest

from accounts import errors, explanations
from accounts.models import AuditEvent, User
from apikeys import errors as key_errors

Kind = AuditEvent.Kind
ALICE, OLGA = User(pk=1, username="alice"), User(pk=2, username="olga")


def told(kind, name="alice", reason="", user=ALICE, actor=None):
    return explanations.sentence(AuditEvent(kind=kind, name=name, reason=reason, user=user, actor=actor))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("reason", ["", "because"])
def test_every_kind_of_event_is_a_sentence(kind, reason):
    sentence = told(kind, reason=reason, actor=OLGA)
    assert sentence[0].isupper() or sentence.startswith(("alice", "olga"))
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert "{" not in sentence
    assert told(kind, name="", user=None, reason=reason).endswith(".")


def test_no_kind_is_left_out_and_none_is_told_twice():
    assert set(explanations.SENTENCES) == set(Kind)
    sentences = [told(kind, actor=OLGA) for kind in Kind]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"kind": Kind.LOGIN}, "alice logged in."),
        ({"kind": Kind.LOGIN_FAILED, "reason": "wrong password"}, "alice's login was refused because the password was wrong."),
        (
            {"kind": Kind.LOGIN_FAILED, "name": "alcie", "user": None, "reason": "no such account"},
            "A login as “alcie” was refused because no account has this name.",
        ),
        ({"kind": Kind.LOGIN_FAILED, "reason": "account is not active"}, "alice's login was refused because the account is deactivated."),
        (
            {"kind": Kind.LOGIN_FAILED, "reason": "account changed during login"},
            "alice's login was refused because the account was changed at the same moment.",
        ),
        (
            {"kind": Kind.THROTTLED, "reason": "more than 10/5m wrong guesses by name"},
            "Throttled: more than 10 wrong guesses for “alice” in 5 minutes.",
        ),
        (
            {"kind": Kind.THROTTLED, "reason": "more than 100/1h wrong guesses by address"},
            "Throttled: more than 100 wrong guesses from this address in an hour, the last of them for “alice”.",
        ),
        (
            {"kind": Kind.REFRESH_FAILED, "reason": "issued by bearer"},
            "alice's refresh token was refused because it was issued by bearer, and is good nowhere else.",
        ),
        ({"kind": Kind.DEACTIVATED, "actor": OLGA, "reason": "she left"}, "olga deactivated alice: she left."),
        ({"kind": Kind.ACCOUNT_CHANGED, "actor": OLGA, "reason": "created"}, "olga created the account alice."),
        ({"kind": Kind.ACCOUNT_CHANGED, "actor": OLGA, "reason": "email, name"}, "olga changed the account alice: email, name."),
        ({"kind": Kind.KEY_CREATED, "name": "key_a1B2c3D4"}, "alice created the API key key_a1B2c3D4."),
        ({"kind": Kind.CREDENTIALS_VIEWED, "reason": "aws"}, "alice looked at the masked credentials of aws."),
        ({"kind": Kind.SIGNING_KEY_ROTATED, "name": "4f2a", "user": None}, "An operator rotated the signing keys; 4f2a signs from now on."),
    ],
)
def test_what_happened_in_a_sentence(event, sentence):
    assert told(**event) == sentence


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("more than 90/24h of refreshes of one token", "Throttled: more than 90 refreshes of one token in 24 hours."),
        ("more than 100/1h of reset mails", "Throttled: more than 100 reset mails in an hour."),
        ("for no reason that is known", "Somebody was throttled: for no reason that is known."),
    ],
)
def test_what_else_is_limited(reason, sentence):
    assert explanations.throttled("", reason) == sentence


@pytest.mark.parametrize("module", [errors, key_errors])
def test_every_refusal_of_the_core_is_explained(module):
    """But for those that no client can meet: they are about a mail, the keyring, or the admin's own pages."""
    inner = {"AuthError", "TooManyResets", "UnusableKeyring", "UnusableSealKey", "NotPermitted", "MissingReason"}
    plain = {"UnsupportedGrantType", "NothingStored", "UnreadableSecret"}  # whose client was told all there is to say
    ours = {name for name, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__}
    assert ours - inner - plain <= set(explanations.REFUSALS)
