from typing import Any

from django.db import migrations, models
from django.db.models.functions import Now


def keep(apps: Any, schema_editor: Any) -> None:
    """Keys from before have the scope from their owners, who could ask for it, and go on with it as if it had been granted."""
    keys = apps.get_model("apikeys", "APIKey").objects.using(schema_editor.connection.alias)
    keys.filter(scope__regex=r"(^| )introspect( |$)").update(granted_at=Now())


class Migration(migrations.Migration):
    """Adds the time at which an operator granted a key the scope ``introspect``."""

    dependencies = [("apikeys", "0003_end_reasons")]
    operations = [
        migrations.AddField(
            "apikey",
            "granted_at",
            models.DateTimeField(
                null=True,
                blank=True,
                help_text="When an operator granted the scope introspect; without it, the scope ends with its owner's role.",
            ),
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
