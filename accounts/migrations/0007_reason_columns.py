"""Reason codes get their data and, beside them, what an operator wrote. The database goes on refusing every change but an erasure."""

from importlib import import_module
from typing import Any

from django.db import migrations, models

before = import_module("accounts.migrations.0004_append_only_trail")
TABLE, REFUSAL = before.TABLE, before.REFUSAL
# A reason is a code, which names nobody and stays; its data and the note may name somebody.
ERASURE = """
        new.id {same} old.id AND new.at {same} old.at AND new.kind {same} old.kind AND new.session {same} old.session
        AND new.contract {same} old.contract AND new.request_id {same} old.request_id AND new.reason {same} old.reason
        AND (new.user_id {same} old.user_id OR new.user_id IS NULL)
        AND (new.actor_id {same} old.actor_id OR new.actor_id IS NULL)
        AND (new.address {same} old.address OR new.address IS NULL)
        AND (new.name {same} old.name OR substr(new.name, 1, 7) = 'erased-')
        AND (new.data {same} old.data OR new.data = '{{}}')
        AND (new.note {same} old.note OR new.note = 'erased')"""
SQLITE = [
    f"""CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE} WHEN NOT ({ERASURE.format(same="IS")})
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    *before.SQLITE[1:],
]
POSTGRESQL = [
    before.POSTGRESQL[0],
    f"""CREATE TRIGGER {TABLE}_update BEFORE UPDATE ON {TABLE} FOR EACH ROW
        WHEN (NOT ({ERASURE.format(same="IS NOT DISTINCT FROM")})) EXECUTE FUNCTION {TABLE}_refuse()""",
    *before.POSTGRESQL[2:],
]


def lay(apps: Any, schema_editor: Any) -> None:
    """Make the database refuse."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def lift(apps: Any, schema_editor: Any) -> None:
    """Let everything through again; without a word where nothing is refused any more."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {TABLE}_refuse() CASCADE")
    else:
        for name in ("update", "delete", "insert"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_{name}")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_imports")]
    operations = [
        migrations.RunPython(lift, before.lay, elidable=False),
        migrations.AddField(
            model_name="auditevent",
            name="data",
            field=models.JSONField(
                blank=True, db_default={}, default=dict, help_text="What the reason code is about."
            ),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="note",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What an operator wrote as a reason.",
                max_length=200,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="kind",
            field=models.CharField(max_length=30),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="name",
            field=models.CharField(
                blank=True,
                help_text="What was typed, normalised, or the account's name then.",
                max_length=150,
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="reason",
            field=models.CharField(
                blank=True,
                help_text="A reason code: the true reason; the client was told less.",
                max_length=200,
            ),
        ),
        migrations.RunPython(lay, lift, elidable=False),
    ]
