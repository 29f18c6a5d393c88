"""Credentials for upstream services: stored encrypted, shown masked, with examples that read the secret from the environment."""

import logging
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.db import transaction

from accounts.audit import audit_log
from accounts.audit.reasons import Data, Reason
from accounts.errors import AuthError
from accounts.models import User
from accounts.sessions import Identity
from accounts.validators import REGION
from apikeys.errors import AdminRequired, NothingStored, UnreadableSecret
from apikeys.models import ProviderCredential

Provider = ProviderCredential.Provider
logger = logging.getLogger(__name__)

STARS = {Provider.AWS: 28, Provider.NVIDIA: 36}  # as many as document 004 prints
BASE_URLS = {
    Provider.AWS: "https://bedrock-runtime.{region}.amazonaws.com",
    Provider.NVIDIA: "https://integrate.api.nvidia.com",
}
# A model id with a colon would be one more thing that has to be encoded in what is signed, and curl before 8 does not do that.
PATHS = {
    Provider.AWS: "/model/cohere.embed-multilingual-v3/invoke",
    Provider.NVIDIA: "/v1/chat/completions",
}
EXAMPLES = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Masked:
    """Credentials as an admin may see them."""

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
        text = _template(self.provider, language)
        for name, value in (
            ("endpoint", self.endpoint),
            ("region", self.region),
            ("key id", self.key_id),
        ):
            text = text.replace(f"<{name}>", value)
        return text


def mask(secret: str, stars: int) -> str:
    """Its first and last four characters, and always as many stars between; nothing at all of a short one."""
    return f"{secret[:4]}{'*' * stars}{secret[-4:]}" if len(secret) >= 16 else "*" * (stars + 8)


def show(viewer: Identity, provider: str) -> Masked:
    """What an admin may see. Each look is on record, whether it was granted or refused."""
    try:
        shown = _look(viewer, provider)
    except AuthError as refusal:
        if isinstance(refusal, UnreadableSecret):
            logger.error("%s", refusal)
        _record_look(
            audit_log.Kind.CREDENTIALS_REFUSED,
            viewer,
            refusal.reason,
            {**refusal.data, "provider": provider},
        )
        raise
    _record_look(audit_log.Kind.CREDENTIALS_VIEWED, viewer, Reason.PROVIDER, {"provider": provider})
    return shown


def look(credential: ProviderCredential, *, operator: User) -> str:
    """The masked secret, for an operator who has it before their eyes; ``UnreadableSecret``. Each look is on record."""
    kind, reason = audit_log.Kind.CREDENTIALS_VIEWED, Reason.PROVIDER
    try:
        return mask(credential.open(), STARS[Provider(credential.provider)])
    except UnreadableSecret:
        kind, reason = audit_log.Kind.CREDENTIALS_REFUSED, Reason.UNREADABLE
        raise
    finally:
        audit_log.record(kind, user=operator, reason=reason, data={"provider": credential.provider})


def store(
    credential: ProviderCredential, secret: str = "", *, actor: User | None = None, reason: str = ""
) -> None:
    """Keep these credentials from now on; without a secret, the one that is stored stays. ``ValidationError`` for what none can be."""
    credential.clean_fields(exclude={"sealed"})
    credential.clean()
    columns = ["key_id", "region", "updated_at"]
    if secret or credential._state.adding:
        credential.seal(secret)
        columns.append("sealed")
    with transaction.atomic():
        credential.save(update_fields=None if credential._state.adding else columns)
        named = (
            {"key_id": credential.key_id, "region": credential.region} if credential.key_id else {}
        )
        data = {**named, "new_secret": bool(secret)}
        audit_log.record(
            audit_log.Kind.CREDENTIALS_CHANGED,
            name=credential.provider,
            actor=actor,
            reason=Reason.CREDENTIALS_STORED,
            data=data,
            note=reason,
        )


@transaction.atomic
def delete(credential: ProviderCredential, *, actor: User | None = None, reason: str = "") -> None:
    audit_log.record(
        audit_log.Kind.CREDENTIALS_DELETED, name=credential.provider, actor=actor, note=reason
    )
    credential.delete()


@transaction.atomic
def reencrypt() -> int:
    """Seal every secret under the first encryption key; how many."""
    rows = ProviderCredential.objects.select_for_update()
    for credential in rows:
        credential.seal(credential.open())
        credential.save(update_fields=["sealed"])
    return len(rows)


def _look(viewer: Identity, provider: str) -> Masked:
    if not viewer.is_admin:
        raise AdminRequired(Reason.ADMIN_REQUIRED, data={"role": viewer.role})
    credential = ProviderCredential.objects.filter(pk=provider).first()
    if credential is None:
        raise NothingStored(Reason.NOTHING_STORED, data={"provider": provider})
    masked = mask(credential.open(), STARS[Provider(provider)])
    return Masked(
        provider, masked, credential.key_id, _region(viewer.aws_region) or credential.region
    )


def _region(typed: str) -> str:
    """An account's own region is what somebody typed: nothing but a region may get into an example."""
    return typed if re.search(REGION, typed) else ""


def _record_look(kind: str, viewer: Identity, reason: str, data: Data) -> None:
    audit_log.record(
        kind,
        user_id=viewer.id,
        name=viewer.username,
        session=viewer.session_id,
        reason=reason,
        data=data,
    )


@cache
def _template(provider: str, language: str) -> str:
    return (EXAMPLES / f"{provider}.{language}").read_text()
