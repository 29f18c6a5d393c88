"""The operators' room: people, their sessions, and what happened."""

from accounts.admin import mails, people, sessions, signing_keys, trail
from accounts.admin.base import Readable, SuperAdmins, operator

__all__ = ["Readable", "SuperAdmins", "mails", "operator", "people", "sessions", "signing_keys", "trail"]
