"""The operators' room: people, their sessions, and what happened."""

from accounts import room
from accounts.admin import acts, mails, people, sessions, signing_keys, trail, watch, words
from accounts.admin.base import Readable, SuperAdmins, operator

__all__ = [
    "Readable",
    "SuperAdmins",
    "acts",
    "mails",
    "operator",
    "people",
    "sessions",
    "signing_keys",
    "trail",
    "words",
]

room.first_page.append(watch.context)
