"""Refreshing a session, and rotating its refresh token.

A token family is a session with all refresh tokens that it ever had (RFC 9700, 4.14.2). One of
them is good now; an earlier one that comes back after ``REUSE_GRACE`` ends the whole family.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, NoReturn
from uuid import UUID, uuid4

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import issued_tokens, rate_limits
from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.db.compiled_statements import CompiledChange, CompiledInsert, CompiledQuery
from accounts.errors import InvalidRefreshToken
from accounts.identifiers import identifiers_of, normalise
from accounts.identities import identify
from accounts.issued_tokens import IssuedTokens
from accounts.models import Session
from accounts.policy import Policy
from accounts.tokens import RefreshToken, read_access_token, read_refresh_token

# A client whose answer was lost, or a second tab, gets the same successor again for this long.
REUSE_GRACE = timedelta(seconds=10)
# ``last_used_at`` is this exact: a client that refreshes all the time costs no write.
LAST_USED_PRECISION = timedelta(minutes=1)

_insert_blacklisted = CompiledInsert(BlacklistedToken, ignore_conflicts=True)
_update_refresh_token = CompiledChange(
    Session,
    set=("refresh_jti", "previous_jti", "rotated_at", "last_used_at", "expires_at"),
    where=("id", "refresh_jti"),
    null=("revoked_at",),
)


class TokenFamily(NamedTuple):
    """A live session and its refresh tokens' ids, as one query found them.

    ``now`` is the database's clock. ``outstanding`` and ``blacklisted`` are the keys of SimpleJWT's
    rows about the present refresh token, None where there is none.
    """

    now: datetime
    id: UUID
    contract: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime
    refresh_jti: str
    previous_jti: str
    rotated_at: datetime | None
    outstanding: int | None
    blacklisted: int | None
    status_index: int | None
    user_id: int
    uuid: UUID
    username: str
    email: str | None


def _build_family_query(session_id: UUID) -> QuerySet[Session, tuple[object, ...]]:
    outstanding = OutstandingToken.objects.filter(jti=OuterRef("refresh_jti")).order_by()
    return (
        Session.objects.live()
        .filter(pk=session_id, user__is_active=True)
        .annotate(
            now=Now(),
            outstanding=Subquery(outstanding.values("pk")[:1]),
            blacklisted=Subquery(outstanding.values("blacklistedtoken__pk")[:1]),
        )
        .values_list(
            *(
                f"user__{field}" if field in ("uuid", "username", "email") else field
                for field in TokenFamily._fields
            )
        )
    )


_families = CompiledQuery(
    build=_build_family_query,
    field=lambda: Session._meta.pk,
    sample=UUID(int=0),
    row=TokenFamily,
)


def refresh_session(
    policy: Policy, raw: str, *, holder: str | None = None, identifier: str | None = None
) -> IssuedTokens:
    """Return new tokens of the live session of a refresh token.

    ``holder`` is an access token that must be of the same user; ``identifier`` must be theirs. A
    rotating policy replaces the token: sent again within ``REUSE_GRACE`` it gets the same
    successor, later it ends the session. Any other policy gives the same token back.
    ``InvalidRefreshToken`` for a token that is not good in this policy's contract.
    """
    token = read_refresh_token(raw)
    family = _families.get(token.session_id)
    reason = _reason_to_refuse(policy, family, token, holder, identifier)
    if family is None or reason:
        raise _recorded_refusal(family, token, reason)
    if policy.rotates:
        family = _rotate(policy, family, token)
    elif family.now - family.last_used_at >= LAST_USED_PRECISION:
        Session.objects.filter(pk=family.id).update(last_used_at=family.now)
    issued = issued_tokens.issue(
        policy,
        family,
        family.id,
        status_index=family.status_index,
        at=family.now,
        until=family.expires_at,
        refresh_jti=family.refresh_jti if policy.rotates else "",
        refreshed_at=family.rotated_at,
    )
    return issued if policy.rotates else replace(issued, refresh=raw)


def token_id(raw: str) -> str:
    """Return the id (``jti``) of a genuine refresh token.

    It is the same however the text is spelled, with padding or with another signature.
    """
    return read_refresh_token(raw).jti


def _reason_to_refuse(
    policy: Policy,
    family: TokenFamily | None,
    token: RefreshToken,
    holder: str | None,
    identifier: str | None,
) -> Reason | Literal[""]:
    """Return the reason why this token may not be refreshed here; empty if it may."""
    if family is None or (
        policy.session_maximum and family.created_at + policy.session_maximum <= family.now
    ):
        return Reason.SESSION_ENDED
    if not policy.refreshes(family.contract):
        return Reason.OTHER_CONTRACT
    if holder is not None and not _is_of_same_user(holder, family):
        return Reason.OTHER_SESSION
    if identifier is not None and normalise(identifier) not in identifiers_of(family):
        return Reason.OTHER_ACCOUNT
    if family.blacklisted or (not policy.rotates and token.jti != family.refresh_jti):
        return Reason.TOKEN_BLACKLISTED
    return ""


def _is_of_same_user(access_token: str, family: TokenFamily) -> bool:
    """Return whether an access token is of the user of this session.

    One of this very session counts, expired or not; one of another session of the user has to be
    live, which costs one query.
    """
    if read_access_token(access_token, expired=True).session_id == family.id:
        return True
    return identify(access_token).id == family.user_id


def _recorded_refusal(
    family: TokenFamily | None, token: RefreshToken, reason: Reason | Literal[""]
) -> InvalidRefreshToken:
    """Record that a token was refused for this reason, and return the refusal."""
    user_id, name = (family.user_id, family.username) if family else (None, "")
    data: Data = {"contract": family.contract} if family and reason == Reason.OTHER_CONTRACT else {}
    rate_limits.record_refusal(
        audit_log.Kind.REFRESH_FAILED,
        user_id=user_id,
        name=name,
        session=token.session_id,
        reason=reason,
        data=data,
    )
    return InvalidRefreshToken(reason, name=name, session=token.session_id, data=data)


def _rotate(policy: Policy, family: TokenFamily, token: RefreshToken) -> TokenFamily:
    """Return the family with a successor to ``token``: a new one, or its own of a moment ago."""
    if token.jti == family.refresh_jti:
        until = (
            policy.session_end(opened=family.created_at, used=family.now)
            if policy.session_maximum
            else family.expires_at
        )
        rotated = family._replace(
            refresh_jti=uuid4().hex,
            previous_jti=token.jti,
            rotated_at=family.now,
            expires_at=until,
        )
        if _store_successor(family, rotated):
            return rotated
        family = _families.get(family.id) or _refuse_ended_session()
    if token.jti == family.previous_jti and _is_within_grace(family):
        return family
    raise _ended_for_reuse(family)


def _is_within_grace(family: TokenFamily) -> bool:
    return family.rotated_at is not None and family.now - family.rotated_at <= REUSE_GRACE


def _store_successor(family: TokenFamily, rotated: TokenFamily) -> bool:
    """Replace the refresh token in the session's row; False if another request was first.

    The database decides: the update finds no row whose token has been replaced already.
    """
    successor = {
        "refresh_jti": rotated.refresh_jti,
        "previous_jti": family.refresh_jti,
        "expires_at": rotated.expires_at,
        "rotated_at": family.now,
        "last_used_at": family.now,
    }
    rows = [
        issued_tokens.outstanding_row(
            rotated.refresh_jti, family.user_id, family.now, rotated.expires_at
        )
    ]
    if family.outstanding:
        rows.append(
            (_insert_blacklisted, {"token_id": family.outstanding, "blacklisted_at": family.now})
        )
    return _update_refresh_token(successor, *rows, id=family.id, refresh_jti=family.refresh_jti)


def _refuse_ended_session() -> NoReturn:
    raise InvalidRefreshToken(Reason.SESSION_ENDED)


def _ended_for_reuse(family: TokenFamily) -> InvalidRefreshToken:
    """End the session of a refresh token that was used again, and return the refusal."""
    Session.objects.filter(pk=family.id).revoke(Reason.TOKEN_REUSED)
    audit_log.record(
        audit_log.Kind.REFRESH_REUSED,
        user_id=family.user_id,
        name=family.username,
        session=family.id,
        reason=Reason.TOKEN_REUSED,
    )
    return InvalidRefreshToken(Reason.TOKEN_REUSED, name=family.username, session=family.id)
