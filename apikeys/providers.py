"""Credentials for upstream services: stored encrypted, shown masked.

The examples beside a masked credential read the secret from the environment.
"""

import logging
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import transaction

from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.errors import AuthError
from accounts.identities import Identity
from accounts.models import User
from accounts.validators import REGION
from apikeys.audit_codes import CredentialEventKind, CredentialReason
from apikeys.errors import AdminRequired, NothingStored, UnreadableSecret
from apikeys.models import ProviderCredential

Provider = ProviderCredential.Provider
logger = logging.getLogger(__name__)

MASK_STARS = {Provider.AWS: 28, Provider.NVIDIA: 36}  # as document 004 prints them
BASE_URLS = {
    Provider.AWS: "https://bedrock-runtime.{region}.amazonaws.com",
    Provider.NVIDIA: "https://integrate.api.nvidia.com",
}
# No model id with a colon: it has to be encoded in what is signed, which curl before 8 does not do.
PATHS = {
    Provider.AWS: "/model/cohere.embed-multilingual-v3/invoke",
    Provider.NVIDIA: "/v1/chat/completions",
}
EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class MaskedCredential:
    """A credential as an admin may see it, with examples of its use."""

    provider: str
    masked: str
    key_id: str = ""
    region: str = ""

    @property
    def base_url(self) -> str:
        return BASE_URLS[Provider(self.provider)].format(region=self.region)

    @property
    def endpoint(self) -> str:
        return self.base_url + PATHS[Provider(self.provider)]

    @property
    def curl(self) -> str:
        return self._example("curl")

    @property
    def node(self) -> str:
        return self._example("node")

    @property
    def python(self) -> str:
        return self._example("python")

    def _example(self, language: str) -> str:
        text = _example_template(self.provider, language)
        for name, value in (
            ("endpoint", self.endpoint),
            ("region", self.region),
            ("key id", self.key_id),
        ):
            text = text.replace(f"<{name}>", value)
        return text


def mask(secret: str, stars: int) -> str:
    """Return the first and last four characters with ``stars`` stars between.

    A secret of fewer than 16 characters becomes stars alone.
    """
    return f"{secret[:4]}{'*' * stars}{secret[-4:]}" if len(secret) >= 16 else "*" * (stars + 8)


def show(viewer: Identity, provider: str) -> MaskedCredential:
    """Return the masked credential for an admin. Granted and refused views are audit events."""
    try:
        credential = _masked_for(viewer, provider)
    except AuthError as refusal:
        if isinstance(refusal, UnreadableSecret):
            logger.error("%s", refusal)
        data = {**refusal.data, "provider": provider}
        _record_view(CredentialEventKind.CREDENTIALS_REFUSED, viewer, refusal.reason, data)
        raise
    _record_view(
        CredentialEventKind.CREDENTIALS_VIEWED,
        viewer,
        CredentialReason.PROVIDER,
        {"provider": provider},
    )
    return credential


def show_to_operator(credential: ProviderCredential, *, operator: User) -> str:
    """Return the masked secret, or raise ``UnreadableSecret``; either is an audit event."""
    kind: CredentialEventKind = CredentialEventKind.CREDENTIALS_VIEWED
    reason: str = CredentialReason.PROVIDER
    try:
        return mask(credential.decrypt_secret(), MASK_STARS[Provider(credential.provider)])
    except UnreadableSecret:
        kind, reason = CredentialEventKind.CREDENTIALS_REFUSED, Reason.UNREADABLE
        raise
    finally:
        audit_log.record(kind, user=operator, reason=reason, data={"provider": credential.provider})


def store(
    credential: ProviderCredential, secret: str = "", *, actor: User | None = None, reason: str = ""
) -> None:
    """Store a credential; without ``secret``, the stored one stays.

    ``ValidationError`` for fields or a secret of the wrong form.
    """
    credential.clean_fields(exclude={"encrypted_secret"})
    credential.clean()
    columns = ["key_id", "region", "updated_at"]
    if secret or credential._state.adding:
        credential.encrypt_secret(secret)
        columns.append("encrypted_secret")
    with transaction.atomic():
        credential.save(update_fields=None if credential._state.adding else columns)
        _record_change(credential, new_secret=bool(secret), actor=actor, note=reason)


@transaction.atomic
def delete(credential: ProviderCredential, *, actor: User | None = None, reason: str = "") -> None:
    audit_log.record(
        CredentialEventKind.CREDENTIALS_DELETED, name=credential.provider, actor=actor, note=reason
    )
    credential.delete()


@transaction.atomic
def reencrypt() -> int:
    """Encrypt every secret anew under the first encryption key; return how many."""
    rows = ProviderCredential.objects.select_for_update()
    for credential in rows:
        credential.encrypt_secret(credential.decrypt_secret())
        credential.save(update_fields=["encrypted_secret"])
    return len(rows)


def _masked_for(viewer: Identity, provider: str) -> MaskedCredential:
    if not viewer.is_admin:
        raise AdminRequired(CredentialReason.ADMIN_REQUIRED, data={"role": viewer.role})
    credential = ProviderCredential.objects.filter(pk=provider).first()
    if credential is None:
        raise NothingStored(CredentialReason.NOTHING_STORED, data={"provider": provider})
    masked = mask(credential.decrypt_secret(), MASK_STARS[Provider(provider)])
    return MaskedCredential(
        provider, masked, credential.key_id, _region(viewer.aws_region) or credential.region
    )


def _region(text: str) -> str:
    """Return ``text`` if it is a region, else nothing: users type it, and examples repeat it."""
    return text if re.search(REGION, text) else ""


def _record_view(kind: str, viewer: Identity, reason: str, data: Data) -> None:
    audit_log.record(
        kind,
        user_id=viewer.id,
        name=viewer.username,
        session=viewer.session_id,
        reason=reason,
        data=data,
    )


def _record_change(
    credential: ProviderCredential, *, new_secret: bool, actor: User | None, note: str
) -> None:
    aws = {"key_id": credential.key_id, "region": credential.region} if credential.key_id else {}
    audit_log.record(
        CredentialEventKind.CREDENTIALS_CHANGED,
        name=credential.provider,
        actor=actor,
        reason=CredentialReason.CREDENTIALS_STORED,
        data={**aws, "new_secret": new_secret},
        note=note,
    )


@cache
def _example_template(provider: str, language: str) -> str:
    return (EXAMPLES / f"{provider}.{language}").read_text()
