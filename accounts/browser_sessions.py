"""Browser sessions of the admin site, stored so that a copy of the database opens none of them.

The primary key is a digest of the cookie's value, and the data are encrypted for their row.
"""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.timezone import now

from accounts import encryption


def digest(key: str) -> str:
    """Return a row's primary key: 240 bits of the cookie's SHA-256, which fit Django's column."""
    return urlsafe_b64encode(sha256(key.encode()).digest()[:30]).decode()


def opened(row: str, sealed: str) -> dict[str, Any]:
    """Return the data of the row with this primary key.

    Empty if they were encrypted for another row, or with a key that is gone.
    """
    try:
        data: dict[str, Any] = json.loads(encryption.decrypt(sealed, _context(row)))
    except (encryption.InvalidToken, ValueError):
        return {}
    return data


def _context(row: str) -> str:
    return f"browser session {row}"


class SessionStore(db.SessionStore):
    """Django's session store with digests as primary keys and encrypted data."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return encryption.encrypt(
            json.dumps(session_dict).encode(), _context(digest(self.session_key or ""))
        )

    # The stubs still allow the bytes of older releases of Django.
    def decode(self, session_data: str) -> dict[str, Any]:  # type: ignore[override]
        return opened(digest(self.session_key), session_data) if self.session_key else {}

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = digest(row.session_key)
        return row

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        row = Session.objects.filter(
            session_key=digest(self.session_key or ""), expire_date__gt=now()
        ).first()
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(digest(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(session_key=digest(key)).delete()

    def cycle_key(self) -> None:
        """Give the session another key; one that was ended meanwhile is left without its data."""
        data, old = self._get_session(), self.session_key  # type: ignore[attr-defined]
        with transaction.atomic():
            alive = old is None or Session.objects.filter(session_key=digest(old)).delete()[0]
            self._session_cache = data if alive else {}
            self.create()

    # The same for ASGI

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return await sync_to_async(self.create_model_instance)(data)

    async def _aget_session_from_db(self) -> AbstractBaseSession | None:
        return await sync_to_async(self._get_session_from_db)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()
