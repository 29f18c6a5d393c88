"""The models of accounts, one module for each subject."""

from accounts.models.audit_event import AuditEvent
from accounts.models.audit_seal import AuditSeal, ErasedValue, SealKey
from accounts.models.hourly_count import HourlyCount
from accounts.models.known_network import KnownNetwork
from accounts.models.outgoing_mail import OutgoingMail, OutgoingMailQuerySet
from accounts.models.password_reset import PasswordReset
from accounts.models.pending_import import PendingImport
from accounts.models.session import Session
from accounts.models.signing_key import SigningKey
from accounts.models.status_list import DeletedSession, StatusListSeed
from accounts.models.user import ROLES, Role, User

__all__ = [
    "ROLES",
    "AuditEvent",
    "AuditSeal",
    "DeletedSession",
    "ErasedValue",
    "HourlyCount",
    "KnownNetwork",
    "OutgoingMail",
    "OutgoingMailQuerySet",
    "PasswordReset",
    "PendingImport",
    "Role",
    "SealKey",
    "Session",
    "SigningKey",
    "StatusListSeed",
    "User",
]
