"""The sentences that were stored as reasons become codes with data, and names that were typed get their one spelling.

Rows are converted in batches, each a transaction of its own: a table of ten million events is neither locked nor copied. Whatever stops
it, running it again goes on: codes stay as they are.
"""

import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

from django.db import migrations, transaction

columns = import_module("accounts.migrations.0007_reason_columns")
BATCH = 900  # SQLite before 3.32 takes 999 parameters
SAID = 100_000  # events between two lines that say how far it is


class Told(NamedTuple):
    """The code, data and note that replace a sentence. ``data`` is a list of pairs, so that rows can be grouped by it."""

    code: str
    data: tuple[tuple[str, Any], ...] = ()
    note: str = ""


PLAIN = {
    "signed in to the admin": "signed_in_to_admin",
    "wrong password": "wrong_password",
    "no such account": "no_such_account",
    "account is not active": "account_inactive",
    "password must be changed": "password_change_required",
    "account changed during login": "account_changed",
    "no operator": "not_an_operator",
    "the stored hash is damaged: only a reset helps": "damaged_hash",
    "challenge: Token is expired": "challenge_expired",
    "challenge: Token 'exp' claim has expired": "challenge_expired",
    "challenge: somebody else's": "challenge_of_another",
    "challenge: answered, or the account has changed": "challenge_answered",
    "challenge: answered by another request": "challenge_answered",
    "session ended": "session_ended",
    "access token of another session": "other_session",
    "name of another account": "other_account",
    "refresh token blacklisted": "token_blacklisted",
    "session ended: one of two holders is not its owner": "token_reused",
    "no such code": "no_such_code",
    "no such link": "no_such_link",
    "link expired": "link_expired",
    "link used, or replaced by a newer mail": "link_used",
    "too many wrong codes": "too_many_wrong_codes",
    "changed": "changed",
    "reset by link": "reset_by_link",
    "reset by code": "reset_by_code",
    "chosen in place of a temporary one": "temporary_replaced",
    "signed out of the admin": "signed_out_of_admin",
    "signed out of the admin: idle for too long": "admin_idle",
    "signed out of the admin: signed in for too long": "admin_too_long",
    "created": "created",
    "other": "other",  # of hourly counts
}
# Of these, what stands there may be what an operator wrote, and then says nothing else.
WRITTEN = {
    "unlocked",
    "deactivated",
    "reactivated",
    "erased",
    "person_exported",
    "credentials_deleted",
    "signing_key_rotated",
    "signing_key_retired",
}
SESSIONS = {
    "logout": "logout",
    "token revoked": "revoked",
    "spent refresh token used again": "token_reused",
    "password reset by link": "reset_by_link",
    "password reset by code": "reset_by_code",
    "password changed": "changed",
    "password set anew": "password_set",
    "account deactivated": "account_inactive",
    "ended by an operator": "ended_by_operator",
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
FIELDS = r"(?:username|email|name|organization|aws_region|language)"
NOTE = r"(?:: (?P<note>.*))?"


def _budget(found: re.Match[str]) -> Told:
    seconds = int(found["length"] or 1) * UNITS[found["unit"]]
    return Told(f"guesses_by_{found['by']}", (("limit", int(found["limit"])), ("seconds", seconds)))


def _fields(found: re.Match[str]) -> Told:
    source = (("source", found["source"]),) if found["source"] else ()
    return Told("fields", (("fields", tuple(found["fields"].split(", "))), *source))


def _stored(found: re.Match[str]) -> Told:
    named = tuple((name, found[name]) for name in ("key_id", "region") if found[name])
    return Told(
        "credentials_stored", (*named, ("new_secret", found["which"] == "new")), found["note"] or ""
    )


def _exported(found: re.Match[str]) -> Told:
    hashes = (("hashes", True),) if found["hashes"] else ()
    return Told("export", (("what", found["what"]), ("format", found["format"]), *hashes))


def _as(code: str, **kinds: Callable[[str], Any]) -> Callable[[re.Match[str]], Told]:
    """A code whose data are the groups of these names."""
    return lambda found: Told(
        code,
        tuple((name, kind(found[name])) for name, kind in kinds.items()),
        (found.groupdict().get("note") or "").strip(),
    )


class Form(NamedTuple):
    kinds: tuple[str, ...]  # of events; none: any
    pattern: str
    told: Callable[[re.Match[str]], Told]


FORMS = [
    Form(
        ("throttled",),
        r"more than (?P<limit>\d+)/(?P<length>\d*)(?P<unit>[smhd]) wrong guesses by (?P<by>name|address)",
        _budget,
    ),
    Form(("login_failed",), r"challenge: (?P<detail>.+)", _as("challenge_invalid", detail=str)),
    Form(("refresh_failed",), r"issued by (?P<contract>\w+)", _as("other_contract", contract=str)),
    Form(
        ("account_changed",),
        rf"(?P<fields>{FIELDS}(?:, {FIELDS})*)(?:, from (?P<source>.+))?",
        _fields,
    ),
    Form(("imported",), r"from (?P<source>.+)", _as("imported_from", source=str)),
    Form(
        ("change_forced", "sessions_ended"),
        rf"(?P<count>\d+) sessions? ended{NOTE}",
        _as("sessions_ended", count=int),
    ),
    Form(("temporary_password",), rf"every session ended{NOTE}", _as("every_session_ended")),
    Form(
        ("invited", "reset_sent"),
        rf"to (?P<address>.+?@[^\s:]+){NOTE}",
        _as("mailed_to", address=str),
    ),
    Form(
        ("mail_sent_again",),
        rf"mail (?P<mail>\d+), (?P<kind>\w+){NOTE}",
        _as("mail", mail=int, kind=str),
    ),
    Form(
        ("role_changed",),
        rf"(?P<before>\w+) → (?P<after>\w+){NOTE}",
        _as("role", before=str, after=str),
    ),
    Form(("keys_ended",), rf"(?P<count>\d+) keys? ended{NOTE}", _as("keys_ended", count=int)),
    Form(("keys_ended",), rf"(?P<key>key_\w+) ended{NOTE}", _as("key_ended", key=str)),
    Form(("key_rotated",), r"successor of (?P<key>key_\w+)", _as("successor_of", key=str)),
    Form(
        ("key_used_from_new_address",),
        r"(?P<network>[0-9a-f.:]+|unknown)",
        _as("new_network", network=str),
    ),
    Form(("credentials_viewed",), r"(?P<provider>aws|nvidia)", _as("provider", provider=str)),
    Form(
        ("credentials_refused",),
        r"(?P<provider>aws|nvidia): role (?P<role>\w+)",
        _as("admin_required", provider=str, role=str),
    ),
    Form(
        ("credentials_refused",),
        r"(?P<provider>aws|nvidia): nothing stored",
        _as("nothing_stored", provider=str),
    ),
    Form(
        ("credentials_refused",),
        r"(?P<provider>aws|nvidia): the secret .*",
        _as("unreadable", provider=str),
    ),
    Form(
        ("credentials_changed",),
        rf"(?:(?P<key_id>[A-Z0-9]+), )?(?:(?P<region>[a-z0-9-]+), )?(?P<which>new|same) secret{NOTE}",
        _stored,
    ),
    Form(
        ("exported",),
        r"(?P<format>csv|jsonl), (?P<filter>.+)",
        _as("export", format=str, filter=str),
    ),
    Form(
        ("exported",),
        r"(?P<what>.+), (?P<format>csv|jsonl)(?P<hashes>, with password hashes)?",
        _exported,
    ),
    Form(("act_refused",), r"(?P<act>.+)", _as("not_permitted", act=str)),
]
CODES = {
    *PLAIN.values(),
    *SESSIONS.values(),
    *(
        "challenge_invalid",
        "guesses_by_name",
        "guesses_by_address",
        "other_contract",
        "fields",
        "imported_from",
        "sessions_ended",
    ),
    *(
        "every_session_ended",
        "mailed_to",
        "mail",
        "role",
        "keys_ended",
        "key_ended",
        "successor_of",
        "new_network",
        "provider",
    ),
    *(
        "admin_required",
        "nothing_stored",
        "unreadable",
        "credentials_stored",
        "export",
        "not_permitted",
        "last_super_admin",
    ),
    "erased_already",
}
ACTS = {"the last super admin": "last_super_admin", "erased already": "erased_already"}


def read(kind: str, sentence: str) -> Told:
    """The code, data and note of what an event has as its reason; whatever is not recognised is the note of ``other``."""
    if not sentence:
        return Told("")
    if sentence == "erased":  # put there by an erasure
        return Told("other", note=sentence)
    if kind in WRITTEN:
        return Told("", note=sentence)
    if sentence in PLAIN:
        return Told(PLAIN[sentence])
    if kind == "act_refused" and sentence in ACTS:
        return Told(ACTS[sentence])
    for form in FORMS:
        if kind in form.kinds and (found := re.fullmatch(form.pattern, sentence, re.DOTALL)):
            return form.told(found)
    return Told("other", note=sentence)


def converted(kind: str, reason: str) -> bool:
    """Return whether this is a code already. An act or an operator's words may read like one."""
    if kind in WRITTEN:
        return reason in ("", "other")
    if kind == "act_refused":
        return reason in ("", "other", "not_permitted", "no_such_account", *ACTS.values())
    return not reason or reason in CODES


def normalised(name: str) -> str:
    """As ``accounts.identifiers.normalise`` does it."""
    folded = unicodedata.normalize("NFKC", name).lower()
    return unicodedata.normalize("NFKC", folded).strip()[:150]


THINGS = {  # kinds whose name is that of a key, a provider or a file
    *(
        "key_created",
        "key_rotated",
        "key_deleted",
        "key_leaked",
        "key_used_from_new_address",
        "credentials_changed",
    ),
    *("credentials_deleted", "exported", "signing_key_rotated", "signing_key_retired"),
}


def pages(rows: Any, *fields: str) -> Iterator[list[Any]]:
    """All rows, a batch at a time, in the order of their primary key."""
    last = None
    while page := list(
        (rows.filter(pk__gt=last) if last is not None else rows)
        .order_by("pk")
        .values_list("pk", *fields)[:BATCH]
    ):
        yield page
        last = page[-1][0]


def convert_events(apps: Any, schema_editor: Any) -> None:
    """In the meantime the database refuses no change of an event."""
    columns.lift(apps, schema_editor)
    try:
        _convert_events(apps.get_model("accounts", "AuditEvent"), schema_editor.connection)
    finally:
        columns.lay(apps, schema_editor)


def _convert_events(event: Any, connection: Any) -> None:
    """Each changed row is written once, the rows of a batch in one round trip; not one that is erased in the meantime."""
    fields = [
        event._meta.get_field(name)
        for name in ("reason", "data", "note", "name", "id", "reason", "name")
    ]
    statement = f"UPDATE {columns.TABLE} SET reason = %s, data = %s, note = %s, name = %s WHERE id = %s AND reason = %s AND name = %s"
    for page in counted(pages(event.objects, "kind", "user", "name", "reason", "data", "note")):
        rows = [
            [
                field.get_db_prep_save(value, connection)
                for field, value in zip(fields, row, strict=True)
            ]
            for row in filter(None, (changed(*before) for before in page))
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, rows)


def changed(
    key: int, kind: str, user: int | None, name: str, reason: str, data: Any, note: str
) -> tuple[Any, ...] | None:
    """Return the new reason, data, note and name of an event; then its id, and its old reason and name.

    None if it stays as it is.
    """
    told = None if converted(kind, reason) else read(kind, reason)
    spelled = normalised(name) if user is None and kind not in THINGS else name
    if told is None:
        return None if spelled == name else (reason, data, note, spelled, key, reason, name)
    return told.code, dict(told.data), told.note, spelled, key, reason, name


def counted(batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Say on standard error, each time another 100,000 events are done, how many that is."""
    done = 0
    for batch in batches:
        yield batch
        before, done = done, done + len(batch)
        if done // SAID > before // SAID:
            sys.stderr.write(
                f"Reasons of audit events become codes: {done // SAID * SAID:,} events done.\n"
            )


def convert_counts(apps: Any, schema_editor: Any) -> None:
    """Counts of sentences that have one code from now on are added up."""
    counts = apps.get_model("accounts", "HourlyCount").objects
    stored = counts.exclude(reason="").exclude(reason__in=CODES)
    for hour in list(stored.order_by("hour").values_list("hour", flat=True).distinct()):
        with transaction.atomic():
            for row in list(stored.filter(hour=hour)):
                code = read(row.kind, row.reason).code
                same = (
                    counts.filter(hour=hour, kind=row.kind, contract=row.contract, reason=code)
                    .exclude(pk=row.pk)
                    .first()
                )
                if same:
                    counts.filter(pk=same.pk).update(count=same.count + row.count)
                    counts.filter(pk=row.pk).delete()
                else:
                    counts.filter(pk=row.pk).update(reason=code)


def convert_sessions(apps: Any, schema_editor: Any) -> None:
    sessions = apps.get_model("accounts", "Session").objects
    for page in pages(sessions.exclude(revoked_why=""), "revoked_why"):
        with transaction.atomic():
            whys = defaultdict(list)
            for pk, why in page:
                whys[SESSIONS.get(why, why)].append(pk)
            for why, keys in whys.items():
                sessions.filter(pk__in=keys).update(revoked_why=why)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0007_reason_columns")]
    operations = [
        migrations.RunPython(convert_events, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(convert_counts, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(convert_sessions, migrations.RunPython.noop, elidable=True),
    ]
