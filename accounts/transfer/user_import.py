"""Accounts taken in from a file, a batch at a time, with a verdict on each row.

A batch is one transaction: whoever pulls the plug loses the one under way and no other, and running the same file again goes on from there,
since an account that is there is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from accounts import identifier_changes
from accounts.audit import audit_log
from accounts.audit.audit_log import Kind
from accounts.audit.reasons import Reason
from accounts.errors import MissingReason, NotPermitted
from accounts.hashing.pool import PROCESSORS
from accounts.hashing.pool import pool as hashing_pool
from accounts.identifiers import objection_to_new
from accounts.models import AuditEvent, PasswordReset, User
from accounts.operators import actions, permissions
from accounts.request_context import printable
from accounts.transfer.file_reader import PROFILE, Row
from accounts.transfer.seen_identifiers import Mention, Seen
from accounts.transfer.user_rows import Candidate, Refused, candidate

BATCH = 500
ONLY_CASE = "only in case, width or space"
TRIES = 5
CHANGEABLE = PROFILE[1:]


class Fate(StrEnum):
    IMPORTED = "imported"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    """What became of a row, or would."""

    line: int
    username: str
    verdict: Fate
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Options:
    """``roles`` lets admins in, ``hashes`` password hashes, ``accept_weak`` passwords that break the rules, to be changed at once;
    ``update`` changes profiles. ``reason`` goes into the audit log.
    """

    dry_run: bool = False
    update: bool = False
    roles: bool = False
    accept_weak: bool = False
    hashes: bool = True
    reason: str = ""


@dataclass
class Plan:
    """What is to be done with a batch."""

    verdicts: list[Verdict] = field(default_factory=list)
    fresh: list[Candidate] = field(default_factory=list)
    changed: list[tuple[User, list[str]]] = field(default_factory=list)
    mentions: dict[bytes, Mention] = field(default_factory=dict)


def import_rows(
    rows: Iterable[Row], options: Options, *, source: str, actor: User | None = None
) -> Iterator[list[Verdict]]:
    """Take rows in, or say what would become of them: the verdicts of a batch once it is written for good.

    Who runs the machine may do all that ``options`` can say. An ``actor`` adds accounts as admins may, and only a super admin roles
    and password hashes, the latter with a reason: ``NotPermitted``, itself an event, and ``MissingReason`` otherwise.
    """
    if actor:
        with actions.refusals_recorded(actor):
            _require_permission(actor, options)
    return _import(iter(rows), options, source, actor)


def _require_permission(actor: User, options: Options) -> None:
    privileged = options.roles or options.hashes
    if (
        not permissions.is_operator(actor)
        or options.update
        or (privileged and not permissions.is_super_admin(actor))
    ):
        raise NotPermitted("import")
    if options.hashes and not options.dry_run and not options.reason.strip():
        raise MissingReason("import of password hashes")


def _import(
    rows: Iterator[Row], options: Options, source: str, actor: User | None
) -> Iterator[list[Verdict]]:
    with Seen() as seen, ThreadPoolExecutor(PROCESSORS) as pool:
        while batch := list(islice(rows, BATCH)):
            yield _Batch(options, seen, pool, source, actor).take(batch)


@dataclass
class _Batch:
    options: Options
    seen: Seen
    pool: Executor
    source: str
    actor: User | None

    def take(self, rows: list[Row]) -> list[Verdict]:
        read, refused = self.read(rows)
        for remaining in reversed(range(TRIES)):
            plan = self.plan(read)
            try:
                if not self.options.dry_run:
                    self.hash_passwords(plan.fresh)
                    self.write(plan)
                break
            except IntegrityError:  # somebody else has made one of these accounts in the meantime
                if not remaining:
                    raise
        self.seen.add(plan.mentions)
        return sorted(refused + plan.verdicts, key=lambda verdict: verdict.line)

    def read(self, rows: list[Row]) -> tuple[list[Candidate], list[Verdict]]:
        read, refused = [], []
        for row in rows:
            try:
                read.append(
                    candidate(
                        row,
                        roles=self.options.roles,
                        hashes=self.options.hashes,
                        accept_weak=self.options.accept_weak,
                    )
                )
            except Refused as error:
                refused.append(
                    Verdict(
                        row.line,
                        printable(str(row.values.get("username", "")), 150),
                        Fate.REFUSED,
                        str(error),
                    )
                )
        return read, refused

    def plan(self, read: list[Candidate]) -> Plan:
        """Three questions to the database, whatever the batch, and one to the names seen so far."""
        users = [each.user for each in read]
        plan, there = Plan(), _Accounts(users)
        plan.mentions = self.seen.find(
            {digest for each in read for digest in self.names(each).values()}
        )
        for each in read:
            try:
                verdict = self.judge(each, there, plan)
                plan.mentions |= {name: self.mention(each) for name in self.names(each).values()}
            except Refused as error:
                verdict = Verdict(each.line, str(each.user.username), Fate.REFUSED, str(error))
            plan.verdicts.append(verdict)
        return plan

    def names(self, each: Candidate) -> dict[str, bytes]:
        user = each.user
        named = {
            "user name": str(user.username),
            "e-mail address": user.email,
            "uuid": str(user.uuid) if "uuid" in each.given else None,
        }
        return {what: self.seen.digest(what, name) for what, name in named.items() if name}

    def mention(self, each: Candidate) -> Mention:
        return Mention(each.line, self.seen.digest("spelling", each.typed))

    def judge(self, each: Candidate, there: _Accounts, plan: Plan) -> Verdict:
        for what, digest in self.names(each).items():
            if earlier := plan.mentions.get(digest):
                raise Refused(self.repeated(what, earlier, each))
        account = there.named(each)
        there.check_room(each, account)
        if account is None:
            if objection := objection_to_new(str(each.user.username)):
                raise Refused(f"username: {objection}")
            plan.fresh.append(each)
            return self.verdict(each, Fate.IMPORTED, *self.spelt(each), *each.notes)
        differing = [
            name
            for name in CHANGEABLE
            if name in each.given and getattr(account, name) != getattr(each.user, name)
        ]
        if differing and self.options.update:
            for name in differing:
                setattr(account, name, getattr(each.user, name))
            plan.changed.append((account, differing))
            return self.verdict(each, Fate.UPDATED, ", ".join(differing))
        differs = f"differs in {', '.join(differing)}" if differing else ""
        return self.verdict(each, Fate.UNCHANGED, "there already", *self.spelt(each), differs)

    def repeated(self, what: str, earlier: Mention, each: Candidate) -> str:
        if what == "user name" and earlier.spelling != self.mention(each).spelling:
            return f"the user name differs from that of line {earlier.line} {ONLY_CASE}"
        return f"the same {what} as in line {earlier.line}"

    def spelt(self, each: Candidate) -> list[str]:
        return (
            []
            if each.typed == each.user.username
            else [f"written {printable(each.typed, 150)} in the file"]
        )

    def verdict(self, each: Candidate, fate: Fate, *notes: str) -> Verdict:
        return Verdict(each.line, str(each.user.username), fate, "; ".join(filter(None, notes)))

    def hash_passwords(self, fresh: list[Candidate]) -> None:
        """With all cores: hashing leaves Python's lock alone."""
        plain = [
            each
            for each in fresh
            if each.password is not None and not each.user.has_usable_password()
        ]
        hashes = self.pool.map(
            partial(hashing_pool.run_patiently, make_password), [each.password for each in plain]
        )
        for each, hashed in zip(plain, hashes, strict=True):
            each.user.password = hashed

    @transaction.atomic
    def write(self, plan: Plan) -> None:
        for each in plan.fresh:
            each.user.pk = None  # which an attempt that failed may have set
        users = User.objects.bulk_create([each.user for each in plan.fresh])
        self.date([each for each in plan.fresh if each.created_at])
        readdressed = self.change(plan.changed)
        AuditEvent.objects.bulk_create(
            [self.imported(user, each) for user, each in zip(users, plan.fresh, strict=True)]
            + [
                self.event(
                    Kind.ACCOUNT_CHANGED, user, Reason.FIELDS, fields=names, source=self.source
                )
                for user, names in plan.changed
            ]
            + [
                self.event(
                    Kind.IDENTIFIERS_CHANGED, user, Reason.IDENTIFIERS, email=[old, user.email]
                )
                for user, old in readdressed
            ]
        )

    def date(self, dated: list[Candidate]) -> None:
        """The field has written today's date over theirs. Django's own update of many rows takes longer than all the rest."""
        rows = [
            (connection.ops.adapt_datetimefield_value(each.created_at), each.user.pk)
            for each in dated
        ]
        if rows:
            with connection.cursor() as cursor:
                cursor.executemany("UPDATE accounts_user SET created_at = %s WHERE id = %s", rows)

    def change(self, changed: list[tuple[User, list[str]]]) -> list[tuple[User, str | None]]:
        """Returns who has another address now, with the one before. Links that were mailed there open nothing, and both are told."""
        at = now()
        old = dict(
            User.objects.filter(
                pk__in=[user.pk for user, names in changed if "email" in names]
            ).values_list("pk", "email")
        )
        for user, _ in changed:
            user.updated_at = at
        User.objects.bulk_update([user for user, _ in changed], [*CHANGEABLE, "updated_at"])
        PasswordReset.objects.filter(user__in=old).void()
        readdressed = [(user, old[user.pk]) for user, _ in changed if user.pk in old]
        for user, before in readdressed:
            identifier_changes.tell(user, {"email": (before or "", user.email or "")})
        return readdressed

    def imported(self, user: User, each: Candidate) -> AuditEvent:
        hashed = {"hashed": True} if each.hashed else {}
        return self.event(
            Kind.IMPORTED,
            user,
            Reason.IMPORTED_FROM,
            note=self.options.reason,
            source=self.source,
            **hashed,
        )

    def event(
        self, kind: str, user: User, reason: Reason, *, note: str = "", **data: Any
    ) -> AuditEvent:
        return AuditEvent(
            **audit_log.event(
                kind, user=user, actor=self.actor, reason=reason, data=data, note=note
            )
        )


class _Accounts:
    """The accounts that a batch may meet, by each of what only one account has."""

    def __init__(self, users: list[User]) -> None:
        self.by_name = self.read("username", [user.username for user in users])
        self.by_email = self.read("email", [user.email for user in users if user.email])
        self.by_uuid = self.read("uuid", [user.uuid for user in users])

    def read(self, field: str, values: list[Any]) -> dict[Any, User]:
        return {
            getattr(user, field): user for user in User.objects.filter(**{f"{field}__in": values})
        }

    def named(self, each: Candidate) -> User | None:
        account = self.by_name.get(each.user.username)
        if account and "uuid" in each.given and account.uuid != each.user.uuid:
            raise Refused("the user name belongs to another account, with another uuid")
        return account

    def check_room(self, each: Candidate, account: User | None) -> None:
        pk = account.pk if account else None
        for what, owner in (
            ("e-mail address", self.by_email.get(each.user.email)),
            ("uuid", self.by_uuid.get(each.user.uuid)),
        ):
            if owner and owner.pk != pk:
                raise Refused(f"the {what} belongs to {owner.username}")
