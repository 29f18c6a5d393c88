"""Every session gets a number in the order of logins, and deleted ones leave theirs behind.

PostgreSQL counts with a sequence. SQLite has none for a table whose key is another one: a row counts there, which a
trigger moves on with each new session. Sessions that are open already get no number, so nothing is written to them.
"""

import secrets
from typing import Any

from django.db import migrations, models

TABLE, COUNTER = "accounts_session", "accounts_session_number"
# An access token never outlives its session. One that ended a day ago and has newer ones beside it is in every list.
UNEXPIRED = "old.status_index IS NOT NULL AND old.expires_at > NOW"
NEEDED = f"""(old.revoked_at IS NULL OR old.revoked_at > DAY_AGO
        OR NOT EXISTS (SELECT 1 FROM SCHEMA.{TABLE} WHERE created_at > old.created_at))"""
KEEP = """INSERT INTO SCHEMA.accounts_deletedsession (status_index, deleted_at, expires_at)
        VALUES (old.status_index, NOW, old.expires_at) ON CONFLICT DO NOTHING;"""

POSTGRESQL = [
    f"CREATE SEQUENCE {COUNTER}",
    f"""CREATE FUNCTION {TABLE}_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        BEGIN IF {NEEDED} THEN {KEEP} END IF; RETURN NULL; END $$""",
    f"""CREATE TRIGGER {TABLE}_deleted AFTER DELETE ON {TABLE} FOR EACH ROW
        WHEN ({UNEXPIRED}) EXECUTE FUNCTION {TABLE}_deleted()""",
]
SQLITE = [
    f"CREATE TABLE {COUNTER} (last integer NOT NULL)",
    f"INSERT INTO {COUNTER} VALUES (0)",
    f"""CREATE TRIGGER {TABLE}_numbered AFTER INSERT ON {TABLE} WHEN new.status_index IS NOT NULL
        BEGIN UPDATE {COUNTER} SET last = max(last, new.status_index); END""",
    # ON CONFLICT of a statement that fires a trigger would take precedence: no statement deletes that way.
    f"""CREATE TRIGGER {TABLE}_deleted AFTER DELETE ON {TABLE} WHEN {UNEXPIRED} AND {NEEDED}
        BEGIN {KEEP} END""",
]
WORDS = {
    "postgresql": {"NOW": "statement_timestamp()", "DAY_AGO": "now() - interval '1 day'"},
    "sqlite": {
        "SCHEMA.": "",
        "NOW": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        "DAY_AGO": "datetime('now', '-1 day')",
    },
}


def lay(apps: Any, schema_editor: Any) -> None:
    vendor = schema_editor.connection.vendor
    words = dict(WORDS[vendor])
    if vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            words["SCHEMA"] = cursor.fetchone()[0]
    for statement in POSTGRESQL if vendor == "postgresql" else SQLITE:
        for word, meaning in words.items():
            statement = statement.replace(word, meaning)
        schema_editor.execute(statement, params=None)


def sow(apps: Any, schema_editor: Any) -> None:
    seeds = apps.get_model("accounts", "StatusListSeed").objects.using(
        schema_editor.connection.alias
    )
    seeds.create(seed=secrets.token_bytes(32))


def lift(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION {TABLE}_deleted() CASCADE")
        schema_editor.execute(f"DROP SEQUENCE {COUNTER}")
    else:
        for name in ("numbered", "deleted"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_{name}")
        schema_editor.execute(f"DROP TABLE {COUNTER}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_field_names")]
    operations = [
        migrations.AddField(
            model_name="session",
            name="status_index",
            field=models.BigIntegerField(
                editable=False,
                help_text="Its place in all status lists together; empty if it is older than these.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="DeletedSession",
            fields=[
                ("status_index", models.BigIntegerField(primary_key=True, serialize=False)),
                ("deleted_at", models.DateTimeField(db_index=True)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="StatusListSeed",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("seed", models.BinaryField()),
            ],
        ),
        migrations.RunPython(lay, lift),
        migrations.RunPython(sow, migrations.RunPython.noop),
    ]
