"""Each event, reason and refusal has a message: a sentence without gaps."""

import inspect

import pytest
from django.utils.timezone import now

from accounts import errors
from accounts.audit import event_kinds, event_messages, reason_messages, reasons, refusal_messages
from accounts.audit.reasons import Reason
from accounts.audit.recent_refusals import Refusal
from accounts.models import AuditEvent, User
from apikeys import errors as key_errors
from apikeys.audit_codes import CredentialEventKind, KeyEventKind, KeyReason

Kind = AuditEvent.Kind
DATA = (
    *(
        "limit",
        "detail",
        "contract",
        "fields",
        "source",
        "address",
        "mail",
        "kind",
        "before",
        "after",
        "what",
        "format",
        "act",
    ),
    *("scope", "key", "network", "provider", "role", "required", "rules", "places"),
)
ALICE, OLGA = User(pk=1, username="alice"), User(pk=2, username="olga")


def message(kind, name="alice", reason="", user=ALICE, actor=None, data=None, note=""):
    return event_messages.text(
        AuditEvent(
            kind=kind, name=name, reason=reason, user=user, actor=actor, data=data or {}, note=note
        )
    )


@pytest.mark.parametrize("kind", event_kinds.labels)
@pytest.mark.parametrize("reason", ["", "other", "wrong_password", "a code of another release"])
def test_every_kind_of_event_is_a_sentence(kind, reason):
    sentence = message(kind, reason=reason, actor=OLGA)
    assert sentence[0].isupper() or sentence.startswith(("alice", "olga"))
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert "{" not in sentence
    assert message(kind, name="", user=None, reason=reason).endswith(".")


def test_the_message_of_a_keys_end_names_the_user():
    assert (
        message(KeyEventKind.KEY_DELETED, "key_a1B2c3D4")
        == "The API key key_a1B2c3D4 was ended by alice."
    )
    assert (
        message(KeyEventKind.KEY_DELETED, "key_a1B2c3D4", user=None)
        == "The API key key_a1B2c3D4 was ended by its owner."
    )


def test_every_kind_has_a_message_of_its_own():
    assert set(event_messages.MESSAGES) == set(event_kinds.labels)
    messages = [message(kind, actor=OLGA) for kind in event_kinds.labels]
    assert len(set(messages)) == len(messages)


def test_apps_can_add_kinds_and_codes_but_not_replace_them():
    for registry, codes in ((event_kinds, KeyEventKind), (reasons, KeyReason)):
        with pytest.raises(ValueError, match="registered twice"):
            registry.register(codes)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({"kind": Kind.LOGIN}, "alice logged in."),
        (
            {"kind": Kind.LOGIN_FAILED, "reason": "wrong_password"},
            "alice's login was refused because the password was wrong.",
        ),
        (
            {"kind": Kind.LOGIN_FAILED, "name": "alcie", "user": None, "reason": "no_such_account"},
            "A login as “alcie” was refused because no account has this name.",
        ),
        (
            {"kind": Kind.LOGIN_FAILED, "reason": "account_inactive"},
            "alice's login was refused because the account is deactivated.",
        ),
        (
            {"kind": Kind.LOGIN_FAILED, "reason": "account_changed"},
            "alice's login was refused because the account was changed at the same moment.",
        ),
        (
            {
                "kind": Kind.THROTTLED,
                "reason": "guesses_by_name",
                "data": {"limit": 10, "seconds": 300},
            },
            "Throttled: more than 10 wrong guesses for “alice” in 5 minutes.",
        ),
        (
            {
                "kind": Kind.THROTTLED,
                "reason": "guesses_by_address",
                "data": {"limit": 100, "seconds": 3600},
            },
            "Throttled: more than 100 wrong guesses from this address in an hour, the last of them "
            "for “alice”.",
        ),
        (
            {
                "kind": Kind.REFRESH_FAILED,
                "reason": "other_contract",
                "data": {"contract": "bearer"},
            },
            "alice's refresh token was refused because it was issued by bearer, and is good "
            "nowhere else.",
        ),
        (
            {"kind": Kind.DEACTIVATED, "actor": OLGA, "note": "she left"},
            "olga deactivated alice: she left.",
        ),
        (
            {"kind": Kind.ACCOUNT_CHANGED, "actor": OLGA, "reason": "created"},
            "olga created the account alice.",
        ),
        (
            {
                "kind": Kind.ACCOUNT_CHANGED,
                "actor": OLGA,
                "reason": "fields",
                "data": {"fields": ["email", "name"]},
            },
            "olga changed the account alice: email, name.",
        ),
        (
            {"kind": KeyEventKind.KEY_CREATED, "name": "key_a1B2c3D4"},
            "alice created the API key key_a1B2c3D4.",
        ),
        (
            {
                "kind": CredentialEventKind.CREDENTIALS_VIEWED,
                "reason": "provider",
                "data": {"provider": "aws"},
            },
            "alice looked at the masked credentials of aws.",
        ),
        (
            {"kind": Kind.SIGNING_KEY_ROTATED, "name": "4f2a", "user": None},
            "An operator rotated the signing keys; 4f2a signs from now on.",
        ),
    ],
)
def test_an_event_in_a_sentence(event, sentence):
    assert message(**event) == sentence


@pytest.mark.parametrize(
    ("reason", "data", "sentence"),
    [
        (
            "refreshes_of_token",
            {"limit": 90, "seconds": 86_400},
            "Throttled: more than 90 refreshes of one token in 24 hours.",
        ),
        (
            "reset_mails",
            {"limit": 100, "seconds": 3600},
            "Throttled: more than 100 reset mails in an hour.",
        ),
        (
            "a code of another release",
            {},
            "An unknown user was throttled: a code of another release.",
        ),
    ],
)
def test_other_limits_in_a_sentence(reason, data, sentence):
    assert event_messages.throttled("", reason, data) == sentence


def test_every_reason_code_has_a_sentence_and_a_label():
    """Neither has a code or a brace in it."""
    assert set(reason_messages.MESSAGES) == set(reasons.labels)
    for code in set(reasons.labels) - {Reason.OTHER, Reason.IDENTIFIERS}:
        data = {name: [name] if name in ("fields", "rules") else name for name in DATA} | {
            "seconds": 60,
            "count": 2,
            "new_secret": True,
        }
        text = reason_messages.text(code, data)
        assert text
        assert not {"{", "}", "_", "…"} & set(
            text.replace("ENCRYPTION_KEYS", "").replace("SECRET_KEY_FALLBACKS", "")
        )
        assert reasons.label(code) != ""


@pytest.mark.parametrize("code", [*reasons.labels, "a code of another release", ""])
def test_the_message_of_an_erased_event_is_a_sentence(code):
    for kind in event_kinds.labels:
        assert message(kind, name="erased-1f", reason=code, note="erased").endswith(".")


@pytest.mark.parametrize("error", refusal_messages.REFUSALS)
def test_every_refusal_is_a_sentence_without_gaps(error):
    refusal = Refusal(
        "id",
        now(),
        error,
        Reason.OVERLOADED,
        "alice",
        "",
        "bearer",
        None,
        503,
        "Busy",
        None,
        {"places": 18},
    )
    found = refusal_messages.for_refusal(refusal)
    assert "{" not in found.text + found.answer + found.advice


@pytest.mark.parametrize("module", [errors, key_errors])
def test_every_refusal_of_the_core_has_a_message(module):
    """Except those that no client can meet: about a mail, the keyring, or the admin's pages."""
    inner = {
        "AuthError",
        "TooManyResets",
        "UnusableKeyring",
        "NextKeyTooNew",
        "UnusableSealKey",
        "NotPermitted",
        "MissingReason",
    }
    inner |= {"IdentifierTaken", "ChangedMeanwhile"}
    # The answers to these have all there is to say.
    plain = {"UnsupportedGrantType", "NothingStored", "UnreadableSecret"}
    ours = {
        name
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    }
    assert ours - inner - plain <= set(refusal_messages.REFUSALS)
