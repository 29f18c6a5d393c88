from typing import ClassVar

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Fields and a model get the names of today; tables and columns keep theirs, so no SQL runs.

    Nodes of the release before go on with the same database.
    """

    dependencies: ClassVar = [
        ("accounts", "0016_region_of_an_account"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        # The two are no part of the state operations: renaming the model renames its content type.
        migrations.AlterModelTable("waitingimport", "accounts_waitingimport"),
        migrations.RenameModel("WaitingImport", "PendingImport"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("user", "epoch", "credential_version"),
                migrations.AlterField(
                    "user",
                    "credential_version",
                    models.PositiveIntegerField(
                        db_column="epoch",
                        default=0,
                        editable=False,
                        help_text="Rises with a new password and a deactivation. A login begun before does not finish.",
                    ),
                ),
                migrations.RenameField("session", "revoked_why", "revoked_reason"),
                migrations.AlterField(
                    "session",
                    "revoked_reason",
                    models.CharField(blank=True, db_column="revoked_why", max_length=100),
                ),
            ],
        ),
    ]
