from typing import Any

from django.db import migrations, models


class AddColumn(migrations.AddField):
    """Adds the column and no more on SQLite, where Django would copy the table and leave out the index of kinds of hashes."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(
                'ALTER TABLE "accounts_user" ADD COLUMN "password_generated" bool DEFAULT 0 NOT NULL'
            )
        else:
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute('ALTER TABLE "accounts_user" DROP COLUMN "password_generated"')
        else:
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_seals"),
    ]

    operations = [
        AddColumn(
            model_name="user",
            name="password_generated",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="The password is still the one that was generated for the first admin.",
            ),
        ),
    ]
