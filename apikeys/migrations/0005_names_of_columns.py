from django.db import migrations, models


class Migration(migrations.Migration):
    """Rename two fields. The columns keep their names, so nodes of both versions can serve."""

    dependencies = [("apikeys", "0004_granted_scopes")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("apikey", "ended_why", "ended_reason"),
                migrations.AlterField(
                    "apikey",
                    "ended_reason",
                    models.CharField(
                        blank=True,
                        db_column="ended_why",
                        help_text="A code: why it ended.",
                        max_length=100,
                    ),
                ),
                migrations.RenameField("providercredential", "sealed", "encrypted_secret"),
                migrations.AlterField(
                    "providercredential",
                    "encrypted_secret",
                    models.TextField(
                        db_column="sealed",
                        editable=False,
                        help_text="The secret, encrypted for this row.",
                    ),
                ),
            ]
        )
    ]
