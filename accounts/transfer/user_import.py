"""Import of users from a file: a batch at a time, with a result for each row.

A batch is one transaction. An import that is interrupted loses the batch under way and no other;
running the same file again goes on from there, since existing accounts are skipped.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from django.db import IntegrityError

from accounts.errors import MissingReason, NotPermitted
from accounts.hashing.pool import PROCESSORS
from accounts.models import User
from accounts.operators import actions, permissions
from accounts.request_context import printable
from accounts.transfer.file_reader import FileRow
from accounts.transfer.import_plan import ImportPlan, RowResult, RowStatus, make_plan
from accounts.transfer.import_writer import BatchWriter, hash_passwords
from accounts.transfer.row_reader import RowRefused, UserCandidate, read_candidate
from accounts.transfer.seen_identifiers import SeenIdentifiers

BATCH_SIZE = 500  # rows
MAX_TRIES = 5  # of a batch, while others make the same accounts


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Choices for an import.

    ``roles`` admits operators, ``hashes`` password hashes, ``accept_weak`` passwords that break the
    rules and must be changed at the first login; ``update`` changes profiles. ``reason`` goes into
    the audit log.
    """

    dry_run: bool = False
    update: bool = False
    roles: bool = False
    accept_weak: bool = False
    hashes: bool = True
    reason: str = ""


def import_rows(
    rows: Iterable[FileRow], options: ImportOptions, *, source: str, actor: User | None = None
) -> Iterator[list[RowResult]]:
    """Import rows, or try it; yield the results of a batch once it is written for good.

    Without an ``actor``, the shell of the machine may use all ``options``. An actor may add users
    as admins do, and only a super admin roles and password hashes, the latter with a reason:
    ``NotPermitted``, itself an audit event, and ``MissingReason`` otherwise.
    """
    if actor:
        with actions.refusals_recorded(actor):
            _require_permission(actor, options)
    return _import(iter(rows), options, source, actor)


def _require_permission(actor: User, options: ImportOptions) -> None:
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
    rows: Iterator[FileRow], options: ImportOptions, source: str, actor: User | None
) -> Iterator[list[RowResult]]:
    writer = BatchWriter(source, options.reason, actor)
    with SeenIdentifiers() as seen, ThreadPoolExecutor(PROCESSORS) as threads:
        while batch := list(islice(rows, BATCH_SIZE)):
            candidates, refused = _read(batch, options)
            plan = _plan_and_write(candidates, options, seen, writer, threads)
            seen.add(plan.occurrences)
            yield sorted(refused + plan.results, key=lambda result: result.line)


def _read(
    rows: list[FileRow], options: ImportOptions
) -> tuple[list[UserCandidate], list[RowResult]]:
    candidates, refused = [], []
    for row in rows:
        try:
            candidates.append(
                read_candidate(
                    row,
                    roles=options.roles,
                    hashes=options.hashes,
                    accept_weak=options.accept_weak,
                )
            )
        except RowRefused as error:
            username = printable(str(row.values.get("username", "")), 150)
            refused.append(RowResult(row.line, username, RowStatus.REFUSED, str(error)))
    return candidates, refused


def _plan_and_write(
    candidates: list[UserCandidate],
    options: ImportOptions,
    seen: SeenIdentifiers,
    writer: BatchWriter,
    threads: Executor,
) -> ImportPlan:
    """Plan and write a batch, and do both again if one of its accounts was made meanwhile."""
    for remaining in reversed(range(MAX_TRIES)):
        plan = make_plan(candidates, seen, update=options.update)
        if options.dry_run:
            break
        hash_passwords(plan.new, threads)
        try:
            writer.write(plan)
            break
        except IntegrityError:
            if not remaining:
                raise
    return plan
