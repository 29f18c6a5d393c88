"""Keys that sign tokens: next, current and previous, shared by all nodes in the database."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.utils.timezone import now
from jwt import PyJWS
from jwt.algorithms import Algorithm, ECAlgorithm
from jwt.utils import base64url_encode

from accounts import encryption, policy
from accounts.audit import audit_log
from accounts.audit.reasons import Reason
from accounts.errors import NextKeyTooNew, UnusableKeyring
from accounts.models import SigningKey, User

# Seconds until a node loads the keys again: a retired key may still verify there for so long.
MAX_AGE_SECONDS = 60.0
# A verifier may keep the published keys for so long.
JWKS_MAX_AGE = timedelta(minutes=5)
# A key is published for so long before it signs, unless an operator is in a hurry: verifiers that
# keep the keys longer than they may have fetched it by then, too.
KNOWN_AFTER = timedelta(hours=1)
# Seconds between two loads that tokens with unknown key ids can cause.
UNKNOWN_KID_PAUSE_SECONDS = 5.0

Use = SigningKey.Use


class DeterministicES256(ECAlgorithm):
    """ECDSA with the nonce of RFC 6979: signing the same claims again makes the same token.

    A refresh that is repeated within ``refresh.REUSE_GRACE`` relies on it.
    """

    def __init__(self) -> None:
        super().__init__(ECAlgorithm.SHA256, ec.SECP256R1)

    def sign(self, msg: bytes, key: Any) -> bytes:
        r, s = decode_dss_signature(
            key.sign(msg, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        )
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


_jws = PyJWS(algorithms=["RS256", "EdDSA", "HS256"])
_jws.register_algorithm("ES256", DeterministicES256())

GENERATE: dict[str, Callable[[], Any]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "HS256": lambda: secrets.token_bytes(32),
}


@dataclass(frozen=True)
class Key:
    """A key, parsed once. The key sets the algorithm, never the token (RFC 8725, 3.1)."""

    kid: str
    algorithm: str
    private: Any = field(repr=False, compare=False)
    published: bool = True

    @cached_property
    def public(self) -> Any:
        return self.private if self.algorithm == "HS256" else self.private.public_key()

    @property
    def _algorithm(self) -> Algorithm:
        return _jws.get_algorithm_by_name(self.algorithm)

    def sign(self, payload: dict[str, Any], typ: str = "JWT") -> str:
        """Return a JWS of ``payload`` in its compact form (RFC 7515, 3.1)."""
        message = _header(self.algorithm, self.kid, typ) + b"." + _encoded(payload)
        return (
            message + b"." + base64url_encode(self._algorithm.sign(message, self.private))
        ).decode()

    @cached_property
    def unpublished(self) -> Key:
        """The secret that signs tokens other than access tokens, derived from this key (RFC 5869).

        It is in use as long as this key is. A verifier that knows only the published keys refuses
        what it signed (RFC 8725, 3.11).
        """
        secret = HKDF(hashes.SHA256(), 32, salt=None, info=b"authsvc unpublished key").derive(
            _pack(self.private)
        )
        return Key(f"{self.kid}-unpublished", "HS256", secret, published=False)

    def jwk(self) -> dict[str, Any] | None:
        """Return the public half in RFC 7517's format; None for a shared secret."""
        if self.algorithm == "HS256":
            return None
        published: dict[str, Any] = self._algorithm.to_jwk(self.public, as_dict=True)
        published.pop("key_ops", None)
        return {**published, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


def _encoded(claims: dict[str, Any]) -> bytes:
    return base64url_encode(json.dumps(claims, separators=(",", ":")).encode())


@lru_cache(maxsize=16)
def _header(algorithm: str, kid: str, typ: str) -> bytes:
    return _encoded({"alg": algorithm, "kid": kid, "typ": typ})


@dataclass(frozen=True)
class Keyring:
    """All keys in use, as this process last loaded them."""

    keys: dict[str, Key]
    current: Key
    seen_at: float


_ring: Keyring | None = None
_lock = threading.Lock()


def current() -> Key:
    """Return the key that signs now."""
    return _fresh().current


def loaded() -> Keyring | None:
    """Return the keys without asking the database; None if it is time to load them."""
    ring = _ring
    return ring if ring and time.monotonic() - ring.seen_at <= MAX_AGE_SECONDS else None


def find(kid: str) -> Key | None:
    """Return the key of this id, or None if tokens signed by it are not good any more."""
    ring = _fresh()
    if kid not in ring.keys and time.monotonic() - ring.seen_at > UNKNOWN_KID_PAUSE_SECONDS:
        ring = reload()
    return ring.keys.get(kid)


def jwks() -> dict[str, list[dict[str, Any]]]:
    """Return the JSON Web Key Set (RFC 7517, 5) of all keys, the next one included."""
    return {"keys": [jwk for key in _fresh().keys.values() if (jwk := key.jwk())]}


def reload() -> Keyring:
    """Load the keys now; those loaded last stay in use where the database does not answer."""
    global _ring
    with _lock:
        try:
            _ring = _load()
        except DatabaseError:
            if _ring is None:
                raise
            _ring = Keyring(_ring.keys, _ring.current, time.monotonic())
        return _ring


def forget() -> None:
    """Drop the keys that this process has loaded."""
    global _ring
    _ring = None


def rotate(*, actor: User | None = None, reason: str = "", early: bool = True) -> SigningKey:
    """Let the next key sign from now on, and publish a new next one; return the key that signs.

    The key that signed until now verifies until all that it signed has expired. Unless ``early``,
    ``NextKeyTooNew`` for a next key that was not published for ``KNOWN_AFTER``.
    """
    reload()
    with transaction.atomic():
        rows = {
            row.use: row for row in SigningKey.objects.select_for_update().exclude(use=Use.PREVIOUS)
        }
        if not early and not is_known(rows[Use.NEXT]):
            raise NextKeyTooNew(rows[Use.NEXT].created_at + KNOWN_AFTER)
        rows[Use.CURRENT].use = Use.PREVIOUS
        rows[Use.CURRENT].retires_at = now() + policy.longest_lifetime()
        rows[Use.CURRENT].save()
        rows[Use.NEXT].use = Use.CURRENT
        rows[Use.NEXT].save()
        _create(Use.NEXT)
        SigningKey.objects.filter(use=Use.PREVIOUS, retires_at__lt=now()).delete()
        audit_log.record(
            audit_log.Kind.SIGNING_KEY_ROTATED, name=rows[Use.NEXT].kid, actor=actor, note=reason
        )
    reload()
    return rows[Use.NEXT]


def is_known(key: SigningKey) -> bool:
    """Return whether verifiers know a key by now; no verifier has to know a shared secret."""
    return key.algorithm == "HS256" or now() - key.created_at >= KNOWN_AFTER


@transaction.atomic
def retire(kid: str, *, actor: User | None = None, reason: str = "") -> bool:
    """Delete a previous key early: every node refuses its tokens after ``MAX_AGE_SECONDS``.

    Return False if there is no previous key of this id.
    """
    retired, _ = SigningKey.objects.filter(kid=kid, use=Use.PREVIOUS).delete()
    if retired:
        audit_log.record(audit_log.Kind.SIGNING_KEY_RETIRED, name=kid, actor=actor, note=reason)
    reload()
    return bool(retired)


@transaction.atomic
def reencrypt() -> int:
    """Encrypt all keys in use with the first encryption key; return how many."""
    rows = SigningKey.objects.select_for_update().filter(
        Q(retires_at=None) | Q(retires_at__gt=now())
    )
    for row in rows:
        row.private = encryption.encrypt(_decrypt(row), _context(row.kid))
        row.save(update_fields=["private"])
    return len(rows)


def _fresh() -> Keyring:
    return loaded() or reload()


def _load() -> Keyring:
    rows = list(SigningKey.objects.order_by("created_at"))
    if not {Use.CURRENT, Use.NEXT} <= {row.use for row in rows}:
        _complete()
        rows = list(SigningKey.objects.order_by("created_at"))
    counting = [row for row in rows if row.retires_at is None or row.retires_at > now()]
    keys = {row.kid: _open(row) for row in counting}
    signing = next(row.kid for row in counting if row.use == Use.CURRENT)
    unpublished = {key.unpublished.kid: key.unpublished for key in keys.values()}
    return Keyring(keys | unpublished, keys[signing], time.monotonic())


def _complete() -> None:
    """Make the current and the next key if they are missing.

    Of two nodes that start at once one makes them: a unique constraint allows one row each.
    """
    for use in (Use.CURRENT, Use.NEXT):
        try:
            with transaction.atomic():
                if not SigningKey.objects.filter(use=use).exists():
                    _create(use)
        except IntegrityError:
            continue


def _create(use: str) -> SigningKey:
    kid, algorithm = secrets.token_hex(8), settings.SIGNING_ALGORITHM
    private = encryption.encrypt(_pack(GENERATE[algorithm]()), _context(kid))
    return SigningKey.objects.create(kid=kid, algorithm=algorithm, private=private, use=use)


def _pack(private: Any) -> bytes:
    if isinstance(private, bytes):
        return private
    packed: bytes = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return packed


def _open(row: SigningKey) -> Key:
    private: Any = _decrypt(row)
    if row.algorithm != "HS256":
        private = serialization.load_der_private_key(private, password=None)
    return Key(row.kid, row.algorithm, private)


def _decrypt(row: SigningKey) -> bytes:
    try:
        return encryption.decrypt(row.private, _context(row.kid))
    except encryption.InvalidToken as error:
        raise UnusableKeyring(Reason.UNREADABLE, data={"what": f"signing key {row.kid}"}) from error


def _context(kid: str) -> str:
    return f"signing key {kid}"
