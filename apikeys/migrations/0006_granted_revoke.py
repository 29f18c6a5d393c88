from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the time at which an operator granted a key the scope ``revoke``."""

    dependencies: ClassVar = [("apikeys", "0005_names_of_columns")]
    operations: ClassVar = [
        migrations.AddField(
            "apikey",
            "revoke_granted_at",
            models.DateTimeField(
                null=True,
                blank=True,
                help_text="When an operator granted the scope revoke; without it, the scope ends with its owner's role.",
            ),
        ),
    ]
