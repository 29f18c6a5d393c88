"""Messages of API keys and provider credentials in the audit log and in request reports."""

from typing import Any

from accounts.audit import event_kinds, event_messages, reason_messages, reasons, refusal_messages
from accounts.audit.event_messages import sentence
from accounts.audit.reasons import Data
from accounts.audit.recent_refusals import Refusal
from accounts.audit.refusal_messages import AnswerToEvent, RefusalMessage, always, reason_of
from accounts.models import AuditEvent
from apikeys.audit_codes import (
    NAMING_KEYS,
    NAMING_PROVIDERS,
    CredentialEventKind,
    CredentialReason,
    KeyEventKind,
    KeyReason,
)


def register() -> None:
    """Make the codes and messages known to the audit log. Called once, when the app starts."""
    event_kinds.register(KeyEventKind, naming_things=NAMING_KEYS)
    event_kinds.register(CredentialEventKind, naming_things=NAMING_PROVIDERS)
    event_messages.register(EVENTS)
    for codes in (KeyReason, CredentialReason):
        reasons.register(codes)
    reason_messages.register(REASONS)
    refusal_messages.register(REFUSALS, ANSWERS)


# Reasons


def _lost(data: Data) -> str:
    end = ", and ended: it had no other" if data.get("ended") else ""
    return f"{data.get('scope', 'a scope')} is for operators, and no operator granted it{end}"


def _stored(data: Data) -> str:
    secrets: dict[Any, str] = {True: "new secret", False: "same secret"}
    secret = secrets.get(data.get("new_secret"), "")
    return ", ".join(filter(None, (data.get("key_id"), data.get("region"), secret)))


REASONS: dict[str, reason_messages.ReasonMessage] = {
    KeyReason.SIGNED_IN_TO_KEYS: "signed in to the page of API keys",
    KeyReason.KEY_MISTYPED: "it is mistyped, or cut",
    KeyReason.NO_SUCH_KEY: "no live key of this owner has this id",
    KeyReason.WRONG_CLIENT_ID: "the client id is not that of the key",
    KeyReason.MISSING_SCOPE: "the API key has no scope {scope}",
    KeyReason.SCOPE_RESERVED: "only operators grant the scope {scope}",
    KeyReason.KEY_AS_TOKEN: "an API key is no token of a session",
    KeyReason.REVOKED_BY_KEY: "by a service, with {key}",
    KeyReason.SCOPE_GRANTED: "{key}, {scope}",
    KeyReason.OWNER_NO_OPERATOR: _lost,
    KeyReason.TOO_MANY_KEYS: "the owner has {limit} live keys",
    KeyReason.ROTATED_BEFORE: "it was rotated before",
    KeyReason.SUCCESSOR_OF: "successor of {key}",
    KeyReason.NEW_NETWORK: "{network}",
    KeyReason.KEYS_ENDED: reason_messages.count_ended("key"),
    KeyReason.KEY_ENDED: "{key} ended",
    CredentialReason.PROVIDER: "{provider}",
    CredentialReason.ADMIN_REQUIRED: "the role {role} is not that of an admin",
    CredentialReason.NOTHING_STORED: "nothing is stored",
    CredentialReason.CREDENTIALS_STORED: _stored,
}


# Events


def _credentials_refused(event: AuditEvent) -> str:
    provider = event.data.get("provider") or "a provider"
    name = event.name or event_messages.UNKNOWN
    refused = f"{name} was refused a look at the credentials of {provider}"
    return refused + event_messages.reason_of(event)


EVENTS: dict[str, event_messages.EventMessage] = {
    KeyEventKind.KEY_CREATED: sentence("{owner} created the API key {name}"),
    KeyEventKind.KEY_ROTATED: sentence("{owner} rotated an API key; the new one is {name}"),
    KeyEventKind.KEY_GRANTED: sentence("{actor} granted an API key of {name} a scope"),
    KeyEventKind.KEY_SCOPE_LOST: sentence("The API key {name} of {owner} lost a scope"),
    KeyEventKind.KEY_DELETED: sentence("The API key {name} was ended by {owner}"),
    KeyEventKind.KEY_LEAKED: sentence(
        "The API key {name} of {owner} was reported as leaked, and ended"
    ),
    KeyEventKind.KEY_USED_FROM_NEW_ADDRESS: sentence(
        "The API key {name} of {owner} was used from a network where it was not seen before"
    ),
    KeyEventKind.KEYS_ENDED: sentence("{actor} ended API keys of {name}"),
    CredentialEventKind.CREDENTIALS_VIEWED: sentence(
        "{name} looked at the masked credentials of {reason}"
    ),
    CredentialEventKind.CREDENTIALS_REFUSED: _credentials_refused,
    CredentialEventKind.CREDENTIALS_CHANGED: sentence("{actor} stored the credentials of {name}"),
    CredentialEventKind.CREDENTIALS_DELETED: sentence("{actor} deleted the credentials of {name}"),
}
ANSWERS: dict[str, AnswerToEvent] = {
    CredentialEventKind.CREDENTIALS_REFUSED: AnswerToEvent(
        "That this is for admins, or that nothing is stored."
    )
}


# Refusals


def _invalid_key(refusal: Refusal) -> str:
    if refusal.name:
        return (
            f"The API key {refusal.name} was refused: it was ended, has expired, its owner is "
            "deactivated, or its secret part is wrong."
        )
    return f"The API key was refused because {reason_of(refusal)}: its checksum does not fit."


def _wrong_client_id(refusal: Refusal) -> str:
    return f"The API key {refusal.name} was refused: {reason_of(refusal)}."


def _missing_scope(refusal: Refusal) -> str:
    return f"The request was refused: {reason_of(refusal)}."


def _not_revocable(refusal: Refusal) -> str:
    return f"Nothing was revoked: {reason_of(refusal)}."


def _key_not_found(refusal: Refusal) -> str:
    return f"There is no such API key: {reason_of(refusal)}."


def _too_many_keys(refusal: Refusal) -> str:
    return f"No further API key: {reason_of(refusal)}."


def _scope_reserved(refusal: Refusal) -> str:
    return f"No API key was made: {reason_of(refusal)}."


def _admin_required(refusal: Refusal) -> str:
    return f"Only admins may do this: {reason_of(refusal)}."


REFUSALS = {
    "InvalidKey": RefusalMessage(
        _invalid_key, "Look the key up by its id; its owner can create another, or rotate it."
    ),
    "WrongClientId": RefusalMessage(
        _wrong_client_id, "The service is configured with the key's id as its client id."
    ),
    "MissingScope": RefusalMessage(_missing_scope, "Its owner makes another key, with this scope."),
    "NotRevocable": RefusalMessage(
        _not_revocable, "Its owner ends the key, or an operator on the key's page."
    ),
    "KeyNotFound": RefusalMessage(_key_not_found, "Look the key up by its id."),
    "TooManyKeys": RefusalMessage(_too_many_keys, "The owner deletes a key first."),
    "ScopeReserved": RefusalMessage(
        _scope_reserved,
        "The owner makes a key without this scope, and an operator grants it on the key's page.",
    ),
    "AlreadyRotated": RefusalMessage(
        always("The API key has a successor already."), "The owner rotates the newest key."
    ),
    "AdminRequired": RefusalMessage(_admin_required),
}
