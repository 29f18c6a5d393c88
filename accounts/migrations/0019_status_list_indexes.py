"""Indexes of the status lists, made while the service goes on.

No row is in them before the first login: sessions that are open already have no number.
"""

from django.db import migrations, models

from accounts.db.index_operations import AddIndexAlongside


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0018_status_lists")]
    operations = [
        AddIndexAlongside(
            "session",
            models.Index(
                fields=["status_index", "revoked_at"],
                condition=models.Q(status_index__isnull=False),
                name="session_status",
            ),
        ),
        AddIndexAlongside(
            "session",
            models.Index(
                fields=["revoked_at"],
                condition=models.Q(revoked_at__isnull=False),
                name="session_ended",
            ),
        ),
    ]
