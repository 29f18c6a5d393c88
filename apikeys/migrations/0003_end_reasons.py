"""The sentences that were stored as the reason of a key's end become codes.

Rows are converted in batches, each a transaction of its own. Whatever stops it, running it again goes on: codes stay as they are.
"""

from collections.abc import Callable
from typing import Any

from django.db import migrations, models
from django.db.models import Case, Value, When

BATCH = 10_000
CODES = {
    "deleted by its owner": "deleted",
    "reported as leaked": "leaked",
    "account deactivated": "owner_deactivated",
    "ended by an operator": "ended_by_operator",
}
SENTENCES = {code: sentence for sentence, code in CODES.items()}


def replace(words: dict[str, str]) -> Callable[[Any, Any], None]:
    def change(apps: Any, schema_editor: Any) -> None:
        keys = apps.get_model("apikeys", "APIKey").objects.order_by("pk")
        chosen = Case(*(When(ended_why=old, then=Value(new)) for old, new in words.items()))
        last = ""
        while page := list(keys.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
            keys.filter(pk__gt=last, pk__lte=page[-1], ended_why__in=words).update(ended_why=chosen)
            last = page[-1]

    return change


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("apikeys", "0002_search")]
    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="ended_why",
            field=models.CharField(blank=True, help_text="A code: why it ended.", max_length=100),
        ),
        migrations.RunPython(replace(CODES), replace(SENTENCES), elidable=True),
    ]
