"""Opening sessions, and ending them by a refresh token or a logout."""

from typing import Any
from uuid import UUID, uuid4

from django.utils.timezone import now

from accounts import issued_tokens, known_networks, passwords, request_context
from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.db.compiled_statements import CompiledChange, CompiledInsert
from accounts.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    PasswordChangeRequired,
)
from accounts.identities import Identity
from accounts.issued_tokens import IssuedTokens
from accounts.models import Session, User
from accounts.policy import Policy
from accounts.rate_limits import LoginAttempt
from accounts.status_lists import indices
from accounts.tokens import read_access_token, read_refresh_token

MAX_USER_AGENT_LENGTH = 255  # characters kept, as the column has room for

_insert_session = CompiledInsert(Session, generated=("status_index", indices.NEXT))
_update_last_login = CompiledChange(
    User, set=("last_login",), where=("id", "credential_version", "is_active")
)


def open_session(policy: Policy, identifier: str, password: str) -> IssuedTokens:
    """Open a session for the user with this user name or address and password.

    Refuses as ``passwords.check_credentials`` does; ``PasswordChangeRequired`` if the password is
    right and has to be replaced first.
    """
    user, attempt = passwords.check_credentials(identifier, password)
    if user.must_change_password:
        refusal = PasswordChangeRequired(user)
        audit_log.record(
            audit_log.Kind.LOGIN_FAILED, user=user, identifier=identifier, reason=refusal.reason
        )
        raise refusal
    return create_session(policy, user, attempt)


def create_session(policy: Policy, user: User, attempt: LoginAttempt | None = None) -> IssuedTokens:
    """Store a session of a user whose credentials were checked, and sign its tokens.

    ``InvalidCredentials`` if the account has changed since ``user`` was read. Its row stays locked
    until the session is there: a reset or a deactivation at this moment either comes first, and
    no session opens, or comes second, and ends it.
    """
    at, session_id = now(), uuid4()
    jti = uuid4().hex if policy.refresh else ""
    until = policy.session_end(opened=at, used=at)
    session = _session_row(policy, user) | {
        "id": session_id,
        "created_at": at,
        "last_used_at": at,
        "expires_at": until,
        "refresh_jti": jti,
    }
    rows = [
        (_insert_session, session),
        (audit_log.insert, audit_log.event(audit_log.Kind.LOGIN, user=user, session=session_id)),
    ]
    if jti:
        rows.append(issued_tokens.outstanding_row(jti, user.pk, at, until))
    if attempt:
        rows += known_networks.rows(attempt, user, at)
    unchanged = {"id": user.pk, "credential_version": user.credential_version, "is_active": True}
    status_index = _update_last_login.generate({"last_login": at}, *rows, **unchanged)
    if status_index is None:
        raise _recorded_change(user)
    user.last_login = at
    return issued_tokens.issue(
        policy,
        user,
        session_id,
        status_index=status_index,
        at=at,
        until=until,
        refresh_jti=jti,
        refreshed_at=at,
    )


def revoke(raw: str) -> None:
    """End the session of a refresh token, expired or not.

    Idempotent: a session that has ended stays so. ``InvalidRefreshToken`` for a forged token.
    """
    _revoke(read_refresh_token(raw, expired=True).session_id)


def revoke_token(raw: str, reason: str, data: Data) -> None:
    """End the session of an access or a refresh token, expired or not (RFC 7009, 2.1).

    Idempotent. Any other text ends nothing: what was never a token of ours is good nowhere.
    ``reason`` and ``data`` go into the audit event.
    """
    try:
        session_id: UUID | None = read_access_token(raw, expired=True).session_id
    except InvalidToken:
        session_id = _session_of(raw)
    if session_id:
        _revoke(session_id, reason, data)


def _revoke(session_id: UUID, reason: str = "", data: Data | None = None) -> None:
    found = Session.objects.filter(pk=session_id)
    owner = found.values_list("user_id", "user__username").first()
    if owner and found.revoke(Reason.REVOKED):
        audit_log.record(
            audit_log.Kind.REVOKE,
            user_id=owner[0],
            name=owner[1],
            session=session_id,
            reason=reason,
            data=data or {},
        )


def log_out(identity: Identity, refresh: str | None = None) -> None:
    """End the session, and that of a refresh token of the same user that came with the request."""
    sessions = [sid for sid in (identity.session_id, _session_of(refresh)) if sid]
    Session.objects.filter(pk__in=sessions, user_id=identity.id).revoke(Reason.LOGOUT)
    audit_log.record(
        audit_log.Kind.LOGOUT,
        user_id=identity.id,
        name=identity.username,
        session=identity.session_id,
    )


def _session_row(policy: Policy, user: User) -> dict[str, Any]:
    """Return the columns of a new session that say whose it is, and from where."""
    context = request_context.current()
    return {
        "user_id": user.pk,
        "contract": policy.name,
        "address": context.address,
        "user_agent": request_context.printable(context.user_agent, MAX_USER_AGENT_LENGTH),
    }


def _recorded_change(user: User) -> InvalidCredentials:
    """Record a login that a change of the account overtook, and return the refusal."""
    refusal = InvalidCredentials(Reason.ACCOUNT_CHANGED, name=user.username)
    audit_log.record_with_current_name(
        audit_log.Kind.LOGIN_FAILED, user=user, reason=refusal.reason
    )
    return refusal


def _session_of(raw: str | None) -> UUID | None:
    try:
        return read_refresh_token(raw, expired=True).session_id if raw else None
    except InvalidRefreshToken:
        return None
