from django.db import migrations, models
from django.db.models import F

from accounts.db.index_operations import AddIndexAlongside, AddIndexOnPostgreSQL


class Migration(migrations.Migration):
    """Indexes for the list of keys."""

    atomic = False
    dependencies = [("apikeys", "0001_initial")]
    operations = [
        AddIndexOnPostgreSQL(  # SQLite knows no NULLS LAST in an index
            "apikey",
            models.Index(
                F("last_used_at").desc(nulls_last=True),
                F("created_at").desc(),
                name="key_last_used",
            ),
        ),
        AddIndexAlongside(
            "apikey",
            models.Index(
                fields=["expires_at"], condition=models.Q(ended_at=None), name="key_expiring"
            ),
        ),
    ]
