import uuid
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.models.pending_import

KIND_OF_HASH = "user_kind_of_hash"


class AlterLength(migrations.AlterField):
    """Alters a length on PostgreSQL: SQLite would copy the whole table, for a limit that it does not know."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def index_kinds(apps: Any, schema_editor: Any) -> None:
    """Index the beginnings of hashes, algorithm and costs, in the order of bytes: accounts/hashing/uniform_timing.py steps through it."""
    collation = '"C"' if schema_editor.connection.vendor == "postgresql" else "BINARY"
    schema_editor.execute(
        f"CREATE INDEX {KIND_OF_HASH} ON accounts_user (substr(password, 1, 40) COLLATE {collation})",
        params=None,
    )


def drop_index(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"DROP INDEX {KIND_OF_HASH}", params=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_hourly_counts")]
    operations = [
        AlterLength(
            model_name="user",
            name="password",
            field=models.CharField(max_length=255, verbose_name="password"),
        ),
        migrations.AddField(
            model_name="user",
            name="erased_at",
            field=models.DateTimeField(
                editable=False,
                help_text="What is left then is an empty account that nobody can use.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="WaitingImport",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("filename", models.CharField(max_length=100)),
                (
                    "file",
                    models.TextField(
                        blank=True,
                        editable=False,
                        help_text="Encrypted, for it may hold passwords; empty once it was confirmed.",
                    ),
                ),
                (
                    "report",
                    models.TextField(
                        blank=True, editable=False, help_text="Encrypted, for it names people."
                    ),
                ),
                ("options", models.JSONField(default=dict)),
                ("begun_at", models.DateTimeField(null=True)),
                (
                    "expires_at",
                    models.DateTimeField(
                        db_index=True, default=accounts.models.pending_import.until
                    ),
                ),
                (
                    "operator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunPython(index_kinds, drop_index),
    ]
