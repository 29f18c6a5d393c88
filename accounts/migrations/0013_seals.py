"""The audit log is sealed, and an event changes only by an erasure that has an event of its own.

An erasure is let through row by row: an event loses its account, name, address and texts only if an event of the kind
"erased" names the same account and the same stand-in; an operator, only if there is one of that operator's account.
On PostgreSQL the functions below erase and forget with the rights of the tables' owner, so that the role of the web
nodes needs no right to change or delete an event, and only they write an event of that kind.
"""

from importlib import import_module
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

before = import_module("accounts.migrations.0007_reason_columns")
TABLE = before.TABLE
TABLES = (TABLE, "accounts_auditseal", "accounts_erasedvalue")
REFUSAL = before.REFUSAL
KEPT = "90 days"  # no event is deleted earlier, whatever is set
# A reason is a code, which names nobody and stays; its data and the note may tell who it was.
FIXED = ("id", "at", "kind", "session", "contract", "request_id", "reason")
COLUMNS = (
    "at",
    "kind",
    "user_id",
    "actor_id",
    "name",
    "session",
    "contract",
    "address",
    "request_id",
    "reason",
    "data",
    "note",
)

IMPERSONAL = "'login', 'login_failed', 'throttled', 'refresh_failed', 'refresh_reused', 'reset_failed', 'password_changed'"
PERSON = f"""EXISTS (SELECT 1 FROM {TABLE} e WHERE e.kind = 'erased' AND e.name = new.name AND (e.user_id = old.user_id
    OR (old.user_id IS NULL AND TYPED)))"""
# The account is emptied after its events, so its row still has the names that were typed.
POSTGRESQL_TYPED = """EXISTS (SELECT 1 FROM SCHEMA.accounts_user u WHERE u.id = e.user_id
        AND old.name IN (substr(u.username, 1, 150), substr(u.email, 1, 150)))"""
# SQLite lets nobody remake a table that the trigger of another one names, as migrations remake that of accounts.
SQLITE_TYPED = (
    "EXISTS (SELECT 1 FROM accounts_erasedvalue v WHERE v.event_id = old.id AND v.field = 'name')"
)
OPERATOR = f"EXISTS (SELECT 1 FROM {TABLE} e WHERE e.kind = 'erased' AND e.user_id = old.actor_id)"
ERASURE = (
    " AND ".join(f"new.{name} SAME old.{name}" for name in FIXED)
    + f""" AND ((new.user_id SAME old.user_id AND new.name SAME old.name AND new.data SAME old.data AND new.note SAME old.note)
        OR (new.user_id IS NULL AND (new.data SAME old.data OR new.data = '{{}}')
            AND (new.note SAME old.note OR (new.note = 'erased' AND old.note <> '')) AND {PERSON}))
    AND (new.actor_id SAME old.actor_id OR (new.actor_id IS NULL AND {OPERATOR}))
    AND (new.address SAME old.address OR (new.address IS NULL AND ({OPERATOR} OR (old.actor_id IS NULL AND {PERSON}))))"""
)


# A seal begins where the last one ends, and the first one where the log begins.
FOLLOWS = """new.up_to > new.after AND EXISTS (SELECT 1 FROM OWNED WHERE id = new.up_to)
    AND CASE WHEN EXISTS (SELECT 1 FROM SCHEMA.accounts_auditseal) THEN EXISTS (SELECT 1 FROM SCHEMA.accounts_auditseal s
        WHERE s.number = (SELECT max(number) FROM SCHEMA.accounts_auditseal) AND new.number = s.number + 1
        AND new.after = s.up_to AND new.previous = s.digest AND new.previous_at SAME s.last_at)
    ELSE new.number = 1 AND new.after = 0 AND new.previous_at IS NULL END"""
# Python reads every time, number and depth within these bounds, so no event keeps the next seal from being made.
LONGEST, DEEPEST, EARLIEST = 4000, 10, "2000-01-01Z"
OWNED = f"SCHEMA.{TABLE}"  # PostgreSQL's functions look nothing up by a search path
POSTGRESQL_ERASURE = (
    ERASURE.replace("SAME", "IS NOT DISTINCT FROM")
    .replace("TYPED", POSTGRESQL_TYPED)
    .replace(f"FROM {TABLE}", f"FROM {OWNED}")
)
SQLITE_ERASURE = ERASURE.replace("SAME", "IS").replace("TYPED", SQLITE_TYPED)


def _sqlite(table: str, event: str, condition: str) -> str:
    return f"""CREATE TRIGGER {table}_{event} BEFORE {event.upper()} ON {table} WHEN {condition}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"""


SQLITE = [
    _sqlite(TABLE, "update", f"NOT ({SQLITE_ERASURE})"),
    _sqlite(TABLE, "delete", f"old.at > datetime('now', '-{KEPT}')"),
    _sqlite("accounts_auditseal", "update", "1"),
    _sqlite("accounts_auditseal", "delete", f"old.last_at > datetime('now', '-{KEPT}')"),
    _sqlite("accounts_erasedvalue", "update", "1"),
    _sqlite(
        "accounts_erasedvalue", "delete", f"EXISTS (SELECT 1 FROM {TABLE} WHERE id = old.event_id)"
    ),
    # INSERT OR REPLACE deletes without a word to the triggers above.
    _sqlite(TABLE, "insert", f"EXISTS (SELECT 1 FROM {TABLE} WHERE id = new.id)"),
    _sqlite(
        "accounts_auditseal",
        "insert",
        f"NOT ({FOLLOWS.replace('SAME', 'IS').replace('OWNED', TABLE).replace('SCHEMA.', '')})",
    ),
    _sqlite(
        "accounts_erasedvalue",
        "insert",
        "EXISTS (SELECT 1 FROM accounts_erasedvalue v WHERE v.id = new.id OR (v.event_id = new.event_id AND v.field = new.field))",
    ),
]

_raise = f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'"
_recent = f"now() - interval '{KEPT}'"
_timely = f"new.at BETWEEN '{EARLIEST}' AND clock_timestamp() + interval '1 day'"
_too_much = f"(length(new.data::text) > {LONGEST} OR jsonb_path_exists(new.data, '$.**{{{DEEPEST} to last}}'))"


def _function(name: str, body: str) -> str:
    path = "SET search_path = pg_catalog, pg_temp"  # so that whoever fires the trigger lends it no function
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {path} AS $$ BEGIN {body} END $$"


def _trigger(table: str, event: str, condition: str, function: str, name: str = "") -> str:
    each = "STATEMENT" if event == "truncate" else "ROW"
    when = f"WHEN ({condition})" if condition else ""
    return f"CREATE TRIGGER {table}_{name or event} BEFORE {event.upper()} ON {table} FOR EACH {each} {when} EXECUTE FUNCTION {function}()"


POSTGRESQL = [
    _function(f"{TABLE}_refuse", f"{_raise};"),
    _function(
        f"{TABLE}_erase", f"IF NOT ({POSTGRESQL_ERASURE}) THEN {_raise}; END IF; RETURN new;"
    ),
    # The function that erases runs as the owner of the tables, and so passes.
    _function(
        f"{TABLE}_erased",
        f"""IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = tg_relid), 'USAGE') THEN {_raise}; END IF;
        RETURN new;""",
    ),
    # Whoever adds a seal shows its token, which the key makes; the seal before has the digest of that token.
    _function(
        "accounts_auditseal_follow",
        f"""IF NOT ({FOLLOWS.replace("SAME", "IS NOT DISTINCT FROM").replace("OWNED", OWNED)}) OR sha256(new.token) IS DISTINCT FROM COALESCE(
            (SELECT next_lock FROM SCHEMA.accounts_auditseal WHERE number = new.number - 1),
            (SELECT first_lock FROM SCHEMA.accounts_sealkey WHERE id = 1 AND new.number = 1)) THEN {_raise}; END IF; RETURN new;""",
    ),
    _function(
        f"{TABLE}_bound",
        f"IF {_too_much} THEN {_raise}; END IF; new.at := clock_timestamp(); RETURN new;",
    ),
    _function(
        "accounts_erasedvalue_keep",
        f"IF EXISTS (SELECT 1 FROM {OWNED} WHERE id = old.event_id) THEN {_raise}; END IF; RETURN old;",
    ),
    _trigger(TABLE, "update", "", f"{TABLE}_erase"),
    _trigger(TABLE, "delete", f"old.at > {_recent}", f"{TABLE}_refuse"),
    _trigger(TABLE, "insert", "new.kind = 'erased'", f"{TABLE}_erased"),
    _trigger(TABLE, "insert", f"NOT ({_timely}) OR {_too_much}", f"{TABLE}_bound", "bound"),
    _trigger("accounts_auditseal", "insert", "", "accounts_auditseal_follow"),
    _trigger("accounts_auditseal", "update", "", f"{TABLE}_refuse"),
    _trigger("accounts_auditseal", "delete", f"old.last_at > {_recent}", f"{TABLE}_refuse"),
    _trigger("accounts_erasedvalue", "update", "", f"{TABLE}_refuse"),
    _trigger("accounts_erasedvalue", "delete", "", "accounts_erasedvalue_keep"),
    *(_trigger(table, "truncate", "", f"{TABLE}_refuse") for table in TABLES),
]
TRIGGER_FUNCTIONS = (
    *(f"{TABLE}_{name}" for name in ("refuse", "erase", "erased", "bound")),
    "accounts_auditseal_follow",
    "accounts_erasedvalue_keep",
)
_row = ", ".join(COLUMNS)
# Rows that an erasure may change, by what they are about and by who acted.
_about = """NOT (kind = 'erased' AND user_id IS NOT DISTINCT FROM person)
                AND (user_id = person OR (user_id IS NULL AND name = ANY(names)))"""
# Called with the rights of their owner, so nothing that a caller may create is found by what they name.
FUNCTIONS = [
    f"""CREATE OR REPLACE FUNCTION accounts_erase_events(event jsonb, ids bigint[], replaced jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        person bigint := (event->>'user_id')::bigint;
        stand_in text := event->>'name';
        names text[];
    BEGIN
        IF person IS NULL OR stand_in IS NULL OR stand_in NOT LIKE 'erased-%' THEN {_raise}; END IF;
        SELECT ARRAY[left(username, 150), left(email, 150)] INTO STRICT names FROM SCHEMA.accounts_user WHERE id = person FOR NO KEY UPDATE;
        -- An account is erased once, under a name of its own, in one transaction: its events have the time at which that began.
        IF EXISTS (SELECT 1 FROM {OWNED} WHERE kind = 'erased' AND (user_id = person OR name = stand_in)
            AND NOT (user_id = person AND name = stand_in AND at = transaction_timestamp())) THEN {_raise}; END IF;
        INSERT INTO {OWNED} ({_row}) SELECT {_row} FROM jsonb_populate_record(NULL::{OWNED},
            event || jsonb_build_object('kind', 'erased', 'at', transaction_timestamp()));
        INSERT INTO SCHEMA.accounts_erasedvalue (event_id, field, digest)
            SELECT e.id, value->>'field', decode(value->>'digest', 'hex') FROM jsonb_array_elements(replaced)
            JOIN {OWNED} e ON e.id = (value->>'event_id')::bigint AND e.id = ANY(ids)
            WHERE length(value->>'digest') = 64 AND value->>'field' IN ('user_id', 'actor_id', 'name', 'address', 'data', 'note')
            AND (actor_id = person OR {_about})
            ON CONFLICT DO NOTHING;
        UPDATE {OWNED} SET actor_id = NULL, address = NULL WHERE id = ANY(ids) AND actor_id = person;
        UPDATE {OWNED} SET user_id = NULL, name = stand_in, address = CASE WHEN actor_id IS NULL THEN NULL ELSE address END,
            data = CASE WHEN kind IN ({IMPERSONAL}) THEN data ELSE '{{}}' END, note = CASE WHEN note = '' THEN note ELSE 'erased' END
            WHERE id = ANY(ids) AND {_about};
        RETURN cardinality(ids);
    END $$""",
    f"""CREATE OR REPLACE FUNCTION accounts_forget_events(before timestamptz) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        oldest SCHEMA.accounts_auditseal%ROWTYPE;
        later boolean;
        events integer;
    BEGIN
        SELECT * INTO oldest FROM SCHEMA.accounts_auditseal ORDER BY number LIMIT 1 FOR UPDATE;
        IF NOT FOUND OR oldest.last_at >= least(before, {_recent}) THEN RETURN NULL; END IF;
        later := EXISTS (SELECT 1 FROM SCHEMA.accounts_auditseal WHERE number > oldest.number);
        DELETE FROM {OWNED} WHERE id > oldest.after AND id <= oldest.up_to;
        GET DIAGNOSTICS events = ROW_COUNT;
        DELETE FROM SCHEMA.accounts_erasedvalue WHERE event_id > oldest.after AND event_id <= oldest.up_to;
        IF later THEN DELETE FROM SCHEMA.accounts_auditseal WHERE number = oldest.number;
        ELSIF events = 0 THEN RETURN NULL; END IF;
        RETURN events;
    END $$""",
]


def lay(apps: Any, schema_editor: Any) -> None:
    """Make the database refuse."""
    if schema_editor.connection.vendor == "postgresql":
        return _execute(schema_editor, POSTGRESQL)
    for statement in SQLITE:
        schema_editor.execute(statement, params=None)


def _execute(schema_editor: Any, statements: list[str]) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
    for statement in statements:
        schema_editor.execute(statement.replace("SCHEMA", schema), params=None)


def lift(apps: Any, schema_editor: Any) -> None:
    """Let everything through."""
    if schema_editor.connection.vendor == "postgresql":
        for name in TRIGGER_FUNCTIONS:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
    else:
        for table in TABLES:
            for event in ("update", "delete", "insert"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_{event}")


def add_functions(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    _execute(schema_editor, FUNCTIONS)
    for signature in SIGNATURES:
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")


def drop_functions(apps: Any, schema_editor: Any) -> None:
    for signature in SIGNATURES if schema_editor.connection.vendor == "postgresql" else ():
        schema_editor.execute(f"DROP FUNCTION {signature}")


SIGNATURES = (
    "accounts_erase_events(jsonb, bigint[], jsonb)",
    "accounts_forget_events(timestamptz)",
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_known_networks")]
    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("after", models.BigIntegerField(help_text="The last event of the seal before.")),
                ("up_to", models.BigIntegerField(help_text="The last event of this one.")),
                (
                    "last_at",
                    models.DateTimeField(help_text="When the newest of its events happened."),
                ),
                (
                    "previous_at",
                    models.DateTimeField(help_text="The same of the seal before.", null=True),
                ),
                ("sealed_at", models.DateTimeField()),
                (
                    "rows",
                    models.BinaryField(
                        help_text="Of each event its id and a digest of its columns."
                    ),
                ),
                ("previous", models.BinaryField(help_text="The digest of the seal before.")),
                ("digest", models.BinaryField()),
                (
                    "token",
                    models.BinaryField(
                        help_text="What only the holder of the key knows of this number: the database asks for it."
                    ),
                ),
                (
                    "next_lock",
                    models.BinaryField(help_text="The SHA-256 of the token of the next seal."),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ErasedValue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("event_id", models.BigIntegerField()),
                ("field", models.CharField(max_length=20)),
                ("digest", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["event_id", "field"], name="one_erased_value_per_field"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="SealKey",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("sealed", models.TextField(editable=False)),
                (
                    "first_lock",
                    models.BinaryField(help_text="The SHA-256 of the token of the first seal."),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="one_key_of_the_seals"
                    )
                ]
            },
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="actor",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("kind", "erased")), fields=["user"], name="event_of_erasure"
            ),
        ),
        migrations.RunPython(before.lift, before.lay, elidable=False),
        migrations.RunPython(lay, lift, elidable=False),
        migrations.RunPython(add_functions, drop_functions, elidable=False),
    ]
