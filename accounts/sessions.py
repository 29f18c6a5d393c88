"""Opening, refreshing and ending sessions, and who a token speaks for. Knows no request and no field name."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils.timezone import now
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts import passwords, rate_limits, request_context, sign_ins
from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.db.compiled_statements import CompiledChange, CompiledInsert, CompiledQuery
from accounts.errors import (
    InvalidChallenge,
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    PasswordChangeRequired,
)
from accounts.identifiers import normalise
from accounts.models import Role, Session, User
from accounts.policy import Policy
from accounts.rate_limits import LoginAttempt
from accounts.tokens import (
    AccessToken,
    ChallengeToken,
    ExpiredTokenError,
    IdToken,
    RefreshToken,
    TokenError,
)

GRACE = timedelta(
    seconds=10
)  # in which a spent refresh token gets its successor again: a lost answer, a second tab
CHALLENGE = timedelta(minutes=15)
LAST_USED = timedelta(
    minutes=1
)  # how exact ``last_used_at`` is: a client that refreshes all the time costs no write

_insert_session = CompiledInsert(Session)
_insert_outstanding = CompiledInsert(OutstandingToken)
_insert_blacklisted = CompiledInsert(BlacklistedToken, ignore_conflicts=True)
_note_login = CompiledChange(
    User, set=("last_login",), where=("id", "credential_version", "is_active")
)
_exchange_token = CompiledChange(
    Session,
    set=("refresh_jti", "previous_jti", "rotated_at", "last_used_at", "expires_at"),
    where=("id", "refresh_jti"),
    null=("revoked_at",),
)


class IdentityColumns(NamedTuple):
    """Columns of ``User``, by their names there, and those of what was shown."""

    id: int
    uuid: UUID
    username: str
    email: str | None
    name: str
    organization: str
    aws_region: str
    is_staff: bool
    is_superuser: bool
    is_active: bool
    created_at: datetime
    updated_at: datetime
    last_login: datetime | None
    session_id: UUID | None = None
    contract: str = ""
    scope: str = "session"


class Identity(Role, IdentityColumns):
    """An account as one query found it, and what vouches for it: a live session, or else a key of some scope."""

    __slots__ = ()
    is_authenticated = True


USER_COLUMNS = tuple(field for field in Identity._fields if field not in Identity._field_defaults)

_identity = CompiledQuery(
    build=lambda sid: (
        Session.objects.live()
        .filter(pk=sid, user__is_active=True)
        .values_list(*(f"user__{column}" for column in USER_COLUMNS), "pk", "contract")
    ),
    field=lambda: Session._meta.pk,
    sample=UUID(int=0),
    row=Identity,
)


def identify(raw: str, *, expired: bool = False) -> Identity:
    """Whom an access token speaks for, if its session is live at this moment. One query.

    ``expired`` accepts a genuine token past its expiry: enough to end the session or to refresh it, and nothing else.
    """
    token = _read(AccessToken, raw, expired=expired)
    identity = _identity.get(token.session_id)
    if identity is None:
        raise InvalidToken(Reason.SESSION_ENDED, session=token.session_id)
    return identity


def introspect(raw: str) -> tuple[Identity, AccessToken] | None:
    """Whom somebody else's access token speaks for, and its claims; None if it opens nothing."""
    try:
        token = _read(AccessToken, raw)
    except InvalidToken:
        return None
    identity = _identity.get(token.session_id)
    return (identity, token) if identity else None


class Line(NamedTuple):
    """A session and its line of refresh tokens, as one query found them, by the database's clock."""

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
    user_id: int
    uuid: UUID
    username: str
    email: str | None


def _lines(sid: UUID) -> QuerySet[Session, tuple[object, ...]]:
    outstanding = OutstandingToken.objects.filter(jti=OuterRef("refresh_jti")).order_by()
    return (
        Session.objects.live()
        .filter(pk=sid, user__is_active=True)
        .annotate(
            now=Now(),
            outstanding=Subquery(outstanding.values("pk")[:1]),
            blacklisted=Subquery(outstanding.values("blacklistedtoken__pk")[:1]),
        )
        .values_list(
            *(
                f"user__{field}" if field in ("uuid", "username", "email") else field
                for field in Line._fields
            )
        )
    )


_line = CompiledQuery(build=_lines, field=lambda: Session._meta.pk, sample=UUID(int=0), row=Line)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a client gets to hold: tokens of one session, and how long each lasts."""

    user: User | Line
    contract: str
    session_id: UUID
    at: datetime
    access: str
    access_expires: datetime
    refresh: str = ""
    refresh_expires: datetime

    @property
    def access_seconds(self) -> int:
        return int((self.access_expires - self.at).total_seconds())

    @property
    def refresh_seconds(self) -> int:
        return int((self.refresh_expires - self.at).total_seconds())

    @property
    def username(self) -> str:
        return self.user.username

    @property
    def identity(self) -> str:
        """An id token: who signed in, in the claims of OpenID Connect Core, 5.1."""
        claims = {
            "sub": str(self.user.uuid),
            "sid": str(self.session_id),
            "aud": self.contract,
            "preferred_username": self.user.username,
            "email": self.user.email or "",
        }
        return IdToken.issue(at=self.at, expires=self.access_expires, jti=uuid4().hex, **claims)


def open_session(
    policy: Policy, identifier: str, password: str, attempt: LoginAttempt | None = None
) -> Grant:
    """A new session for whoever has this name, or address, and password. ``attempt`` has looked the account up already."""
    attempt = attempt or LoginAttempt.find(identifier)
    user = passwords.authenticate(identifier, password, attempt)
    if user.must_change_password:
        refusal = PasswordChangeRequired(user)
        audit_log.record(
            audit_log.Kind.LOGIN_FAILED, user=user, name=identifier, reason=refusal.reason
        )
        raise refusal
    return _open_for(policy, user, attempt)


def _open_for(policy: Policy, user: User, attempt: LoginAttempt | None = None) -> Grant:
    at, context = now(), request_context.current()
    sid, jti = uuid4(), uuid4().hex if policy.refresh else ""
    until = policy.session_end(opened=at, used=at)
    session = {
        "id": sid,
        "user_id": user.pk,
        "contract": policy.name,
        "created_at": at,
        "last_used_at": at,
        "expires_at": until,
        "address": context.address,
        "user_agent": request_context.printable(context.user_agent, 255),
        "refresh_jti": jti,
    }
    rows = [
        (_insert_session, session),
        (audit_log.insert, audit_log.event(audit_log.Kind.LOGIN, user=user, session=sid)),
    ]
    if jti:
        rows.append(_outstanding(jti, user.pk, at, until))
    if attempt:
        rows += sign_ins.rows(attempt, user, at)
    # The account's row stays locked until the session is there: whoever resets the password or deactivates the account at this
    # moment either comes first, and no session opens, or comes second, and ends it.
    if not _note_login(
        {"last_login": at},
        *rows,
        id=user.pk,
        credential_version=user.credential_version,
        is_active=True,
    ):
        refusal = InvalidCredentials(Reason.ACCOUNT_CHANGED, name=user.username)
        audit_log.record_with_current_name(
            audit_log.Kind.LOGIN_FAILED, user=user, reason=refusal.reason
        )
        raise refusal
    user.last_login = at
    return _grant(policy, user, sid, at=at, until=until, refresh_jti=jti, refreshed_at=at)


def challenge(user: User) -> str:
    """A string that proves the right password, to be answered with a new one; void when the password or the account changes."""
    at = now()
    return ChallengeToken.issue(
        at=at,
        expires=at + CHALLENGE,
        jti=uuid4().hex,
        sub=str(user.uuid),
        epoch=str(user.credential_version),
    )


def answer_challenge(
    policy: Policy, raw: str, identifier: str, password: str, attempt: LoginAttempt | None = None
) -> Grant:
    """A session for whoever proves with a challenge's string that they knew the temporary password, and chooses another."""
    try:
        user, credential_version = _challenged(raw, identifier)
        user = passwords.answer_challenge(user, credential_version, password)
    except InvalidChallenge as refusal:
        audit_log.record(
            audit_log.Kind.LOGIN_FAILED, name=identifier, reason=refusal.reason, data=refusal.data
        )
        raise
    return _open_for(policy, user, attempt)


def _challenged(raw: str, identifier: str) -> tuple[User, str]:
    """Whom a challenge's string was given to, if that is who has this name; and the credential version of their account then."""
    try:
        token = ChallengeToken.read(raw)
    except ExpiredTokenError as error:
        raise InvalidChallenge(Reason.CHALLENGE_EXPIRED) from error
    except TokenError as error:
        raise InvalidChallenge(Reason.CHALLENGE_INVALID, data={"detail": str(error)}) from error
    user = User.objects.filter(uuid=token.user_uuid).first()
    if user is None or normalise(identifier) not in (user.username, user.email):
        raise InvalidChallenge(Reason.CHALLENGE_OF_ANOTHER)
    return user, token["epoch"]


def refresh(
    policy: Policy, raw: str, *, holder: str | None = None, identifier: str | None = None
) -> Grant:
    """New tokens for a live session of this policy's contract, to whom its refresh token was given.

    ``holder`` is an access token that must speak for the same user; ``identifier`` must name them. A rotating policy spends
    the token: sent again within ``GRACE`` it gets the same successor, later it ends the session. Any other gives it back.
    """
    token = _read_refresh(raw)
    line = _line.get(token.session_id)
    refusal = _objection(policy, line, token, holder, identifier)
    if line is None or refusal:
        user_id, name = (line.user_id, line.username) if line else (None, "")
        data: Data = (
            {"contract": line.contract} if line and refusal == Reason.OTHER_CONTRACT else {}
        )
        rate_limits.record_refusal(
            audit_log.Kind.REFRESH_FAILED,
            user_id=user_id,
            name=name,
            session=token.session_id,
            reason=refusal,
            data=data,
        )
        raise InvalidRefreshToken(refusal, name=name, session=token.session_id, data=data)
    if policy.rotates:
        line = _rotate(policy, line, token)
    elif line.now - line.last_used_at >= LAST_USED:
        Session.objects.filter(pk=line.id).update(last_used_at=line.now)
    rotated = line.refresh_jti if policy.rotates else ""
    grant = _grant(
        policy,
        line,
        line.id,
        at=line.now,
        until=line.expires_at,
        refresh_jti=rotated,
        refreshed_at=line.rotated_at,
    )
    return grant if policy.rotates else replace(grant, refresh=raw)


def _objection(
    policy: Policy,
    line: Line | None,
    token: RefreshToken,
    holder: str | None,
    identifier: str | None,
) -> Reason | Literal[""]:
    """The reason why this token may not be refreshed here; empty if it may."""
    if line is None or (
        policy.session_maximum and line.created_at + policy.session_maximum <= line.now
    ):
        return Reason.SESSION_ENDED
    if not policy.refreshes(line.contract):
        return Reason.OTHER_CONTRACT
    if holder is not None and not _speaks_for_user(holder, line):
        return Reason.OTHER_SESSION
    if identifier is not None and normalise(identifier) not in (line.username, line.email):
        return Reason.OTHER_ACCOUNT
    if line.blacklisted or (not policy.rotates and token.jti != line.refresh_jti):
        return Reason.TOKEN_BLACKLISTED
    return ""


def _speaks_for_user(holder: str, line: Line) -> bool:
    """Return whether an access token speaks for the user of this session.

    One of this session does, expired or not; one of another session of the user has to be live (one query).
    """
    if _read(AccessToken, holder, expired=True).session_id == line.id:
        return True
    return identify(holder).id == line.user_id


def _rotate(policy: Policy, line: Line, token: RefreshToken) -> Line:
    """The line with a successor to ``token``: its new one, or the one it got a moment ago."""
    if token.jti == line.refresh_jti:
        until = (
            policy.session_end(opened=line.created_at, used=line.now)
            if policy.session_maximum
            else line.expires_at
        )
        rotated = line._replace(
            refresh_jti=uuid4().hex, previous_jti=token.jti, rotated_at=line.now, expires_at=until
        )
        if _exchange(line, rotated):
            return rotated
        line = _line.get(line.id) or _refuse_ended()
    if token.jti == line.previous_jti and line.rotated_at and line.now - line.rotated_at <= GRACE:
        return line
    Session.objects.filter(pk=line.id).revoke(Reason.TOKEN_REUSED)
    audit_log.record(
        audit_log.Kind.REFRESH_REUSED,
        user_id=line.user_id,
        name=line.username,
        session=line.id,
        reason=Reason.TOKEN_REUSED,
    )
    raise InvalidRefreshToken(Reason.TOKEN_REUSED, name=line.username, session=line.id)


def _exchange(line: Line, rotated: Line) -> bool:
    """Put the successor in the place of the token it replaces; False if somebody else did so first. The database decides."""
    successor = {
        "refresh_jti": rotated.refresh_jti,
        "previous_jti": line.refresh_jti,
        "expires_at": rotated.expires_at,
    }
    successor |= {"rotated_at": line.now, "last_used_at": line.now}
    rows = [_outstanding(rotated.refresh_jti, line.user_id, line.now, rotated.expires_at)]
    if line.outstanding:
        rows.append(
            (_insert_blacklisted, {"token_id": line.outstanding, "blacklisted_at": line.now})
        )
    return _exchange_token(successor, *rows, id=line.id, refresh_jti=line.refresh_jti)


def _refuse_ended() -> Line:
    raise InvalidRefreshToken(Reason.SESSION_ENDED)


def refresh_token_id(raw: str) -> str:
    """The id (``jti``) of a genuine refresh token: the same however its text is spelled, with padding or another signature."""
    return _read_refresh(raw).jti


def revoke(raw: str) -> None:
    """End the session of a refresh token. A session that has ended already stays so; a token that is not ours is refused."""
    token = _read_refresh(raw, expired=True)
    found = Session.objects.filter(pk=token.session_id)
    owner = found.values_list("user_id", "user__username").first()
    if owner and found.revoke(Reason.REVOKED):
        audit_log.record(
            audit_log.Kind.REVOKE, user_id=owner[0], name=owner[1], session=token.session_id
        )


def log_out(identity: Identity, refresh: str | None = None) -> None:
    """End the session, and that of a refresh token which the same person brings along."""
    sessions = [sid for sid in (identity.session_id, _session_of(refresh)) if sid]
    Session.objects.filter(pk__in=sessions, user_id=identity.id).revoke(Reason.LOGOUT)
    audit_log.record(
        audit_log.Kind.LOGOUT,
        user_id=identity.id,
        name=identity.username,
        session=identity.session_id,
    )


def _session_of(raw: str | None) -> UUID | None:
    try:
        return _read_refresh(raw, expired=True).session_id if raw else None
    except InvalidRefreshToken:
        return None


def _read(kind: type[AccessToken], raw: str, *, expired: bool = False) -> AccessToken:
    try:
        return kind.read(raw, expired=expired)
    except TokenError as error:
        raise _refused(InvalidToken, error) from error


def _read_refresh(raw: str, *, expired: bool = False) -> RefreshToken:
    try:
        return RefreshToken.read(raw, expired=expired)
    except TokenError as error:
        raise _refused(InvalidRefreshToken, error) from error


def _refused(
    refusal: type[InvalidToken | InvalidRefreshToken], error: TokenError
) -> InvalidToken | InvalidRefreshToken:
    """The refusal of a token that could not be read, with what is wrong with it."""
    if isinstance(error, ExpiredTokenError):
        return refusal(Reason.TOKEN_EXPIRED)
    return refusal(Reason.TOKEN_INVALID, data={"detail": str(error)})


def _outstanding(
    jti: str, user_id: int, at: datetime, expires_at: datetime
) -> tuple[CompiledInsert, dict[str, Any]]:
    """A refresh token's row in SimpleJWT's list of those that are out: its id and dates, and nothing that opens anything."""
    return _insert_outstanding, {
        "jti": jti,
        "user_id": user_id,
        "token": "",
        "created_at": at,
        "expires_at": expires_at,
    }


def _grant(
    policy: Policy,
    user: User | Line,
    sid: UUID,
    *,
    at: datetime,
    until: datetime,
    refresh_jti: str,
    refreshed_at: datetime | None,
) -> Grant:
    """Sign the tokens. A refresh token is signed from the row alone, so that signing it again gives the same one."""
    claims = {"sub": str(user.uuid), "sid": str(sid), "contract": policy.name}
    access_expires = min(at + policy.access, until)
    return Grant(
        user=user,
        contract=policy.name,
        session_id=sid,
        at=at,
        access=AccessToken.issue(at=at, expires=access_expires, jti=uuid4().hex, **claims),
        access_expires=access_expires,
        refresh=RefreshToken.issue(at=refreshed_at or at, expires=until, jti=refresh_jti, **claims)
        if refresh_jti
        else "",
        refresh_expires=until,
    )
