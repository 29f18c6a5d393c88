"""Writing a batch of an import, with its audit events, in one transaction."""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils.timezone import now

from accounts import identifier_changes
from accounts.audit import audit_log
from accounts.audit.audit_log import Kind
from accounts.audit.reasons import Reason
from accounts.hashing.pool import pool as hashing_pool
from accounts.models import AuditEvent, PasswordReset, User
from accounts.transfer.import_plan import UPDATABLE, ImportPlan
from accounts.transfer.row_reader import UserCandidate


def hash_passwords(candidates: list[UserCandidate], threads: Executor) -> None:
    """Hash the plain passwords on all cores: hashing does not hold Python's lock."""
    plain = [
        each
        for each in candidates
        if each.password is not None and not each.user.has_usable_password()
    ]
    hashes = threads.map(
        partial(hashing_pool.run_patiently, make_password), [each.password for each in plain]
    )
    for each, hashed in zip(plain, hashes, strict=True):
        each.user.password = hashed


@dataclass(frozen=True)
class BatchWriter:
    """Writes batches of one file. ``reason`` and ``actor`` go into the audit events."""

    source: str
    reason: str
    actor: User | None

    @transaction.atomic
    def write(self, plan: ImportPlan) -> None:
        for each in plan.new:
            each.user.pk = None  # which an attempt that failed may have set
        users = User.objects.bulk_create([each.user for each in plan.new])
        _date([each for each in plan.new if each.created_at])
        readdressed = _update(plan.changed)
        AuditEvent.objects.bulk_create(
            [
                *(self.imported(user, each) for user, each in zip(users, plan.new, strict=True)),
                *(self.changed(user, names) for user, names in plan.changed),
                *(self.readdressed(user, old) for user, old in readdressed),
            ]
        )

    def imported(self, user: User, each: UserCandidate) -> AuditEvent:
        data = {"source": self.source} | ({"hashed": True} if each.hashed else {})
        return self.event(Kind.IMPORTED, user, Reason.IMPORTED_FROM, data, note=self.reason)

    def changed(self, user: User, names: list[str]) -> AuditEvent:
        data = {"fields": names, "source": self.source}
        return self.event(Kind.ACCOUNT_CHANGED, user, Reason.FIELDS, data)

    def readdressed(self, user: User, old: str | None) -> AuditEvent:
        data = {"email": [old, user.email]}
        return self.event(Kind.IDENTIFIERS_CHANGED, user, Reason.IDENTIFIERS, data)

    def event(
        self, kind: str, user: User, reason: Reason, data: dict[str, Any], *, note: str = ""
    ) -> AuditEvent:
        return AuditEvent(
            **audit_log.event(
                kind, user=user, actor=self.actor, reason=reason, data=data, note=note
            )
        )


def _date(candidates: list[UserCandidate]) -> None:
    """Set the dates of creation, over which the field has written today's.

    Django's own update of many rows takes longer than all the rest.
    """
    rows = [
        (connection.ops.adapt_datetimefield_value(each.created_at), each.user.pk)
        for each in candidates
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE accounts_user SET created_at = %s WHERE id = %s", rows)


def _update(changed: list[tuple[User, list[str]]]) -> list[tuple[User, str | None]]:
    """Update profiles; return the users with another e-mail address, and the one before.

    Links that were mailed to the old address are void, and both addresses get a notice.
    """
    at = now()
    moved = [user.pk for user, names in changed if "email" in names]
    old = dict(User.objects.filter(pk__in=moved).values_list("pk", "email"))
    for user, _ in changed:
        user.updated_at = at
    User.objects.bulk_update([user for user, _ in changed], [*UPDATABLE, "updated_at"])
    PasswordReset.objects.filter(user__in=old).void()
    readdressed = [(user, old[user.pk]) for user, _ in changed if user.pk in old]
    for user, before in readdressed:
        identifier_changes.notify(user, {"email": (before or "", user.email or "")})
    return readdressed
