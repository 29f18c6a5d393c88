"""Delete the browser sessions whose primary key is the value of the cookie: operators sign in again."""

from typing import Any

from django.db import migrations


def forget(apps: Any, schema_editor: Any) -> None:
    apps.get_model("sessions", "Session").objects.using(
        schema_editor.connection.alias
    ).all().delete()


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_reason_codes"), ("sessions", "0001_initial")]
    operations = [migrations.RunPython(forget, migrations.RunPython.noop)]
