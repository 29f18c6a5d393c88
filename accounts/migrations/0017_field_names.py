from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

INDEXES: dict[str, dict[str, Any]] = {
    "outgoing_mail_due_of_kind": {
        "fields": ["template", "next_try_at"],
        "condition": models.Q(closed_at=None),
    },
    "outgoing_mail_of_kind": {"fields": ["template", "id"]},
    "outgoing_mail_typed": {"fields": ["identifier"]},
    "outgoing_mail_closed": {"fields": ["status", "closed_at"]},
}


def _outgoing_mail() -> Iterator[Operation]:
    for name in INDEXES:
        yield migrations.RemoveIndex("outgoingmail", name)
    for old, new in (("kind", "template"), ("typed", "identifier"), ("fate", "status")):
        yield migrations.RenameField("outgoingmail", old, new)
    yield migrations.AlterField(
        "outgoingmail", "template", models.CharField(db_column="kind", max_length=20)
    )
    yield migrations.AlterField(
        "outgoingmail",
        "identifier",
        models.CharField(
            blank=True,
            db_column="typed",
            help_text="The user name or address that was typed; no user was looked up then.",
            max_length=254,
        ),
    )
    yield migrations.AlterField(
        "outgoingmail",
        "status",
        models.CharField(
            choices=[
                ("waiting", "Waiting"),
                ("sent", "Sent"),
                ("nobody", "Nobody to send it to"),
                ("enough", "Not sent: enough for this hour"),
                ("failed", "Failed"),
            ],
            db_column="fate",
            default="waiting",
            max_length=10,
        ),
    )
    for name, index in INDEXES.items():
        yield migrations.AddIndex("outgoingmail", models.Index(name=name, **index))


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
                *_outgoing_mail(),
            ],
        ),
    ]
