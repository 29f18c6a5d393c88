from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import migrations, models

from accounts.db.index_operations import AddIndexAlongside


class Migration(migrations.Migration):
    """Indexes for the lists of the admin. The index that finds parts of names is made after every migration: accounts.user_search."""

    atomic = False
    dependencies = [("accounts", "0002_operators")]
    operations = [
        AddIndexAlongside(
            "user",
            models.Index(
                fields=["username"], condition=models.Q(is_active=False), name="user_deactivated"
            ),
        ),
        AddIndexAlongside(
            "user",
            models.Index(
                fields=["username"],
                condition=models.Q(must_change_password=True),
                name="user_must_change",
            ),
        ),
        AddIndexAlongside(
            "user",
            models.Index(
                fields=["username"],
                condition=models.Q(password__startswith=UNUSABLE_PASSWORD_PREFIX),
                name="user_no_password",
            ),
        ),
        AddIndexAlongside(
            "user",
            models.Index(
                fields=["username"],
                condition=models.Q(("is_staff", True), ("is_superuser", True), _connector="OR"),
                name="user_operators",
            ),
        ),
        AddIndexAlongside(
            "outgoingmail", models.Index(fields=["kind", "id"], name="outgoing_mail_of_kind")
        ),
        AddIndexAlongside(
            "outgoingmail", models.Index(fields=["typed"], name="outgoing_mail_typed")
        ),
        AddIndexAlongside("session", models.Index(fields=["created_at"], name="session_newest")),
        AddIndexAlongside(
            "session",
            models.Index(fields=["contract", "created_at"], name="session_newest_of_contract"),
        ),
    ]
