"""Networks from which accounts have signed in, beginning with those of the sessions of the last 90 days."""

from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils.timezone import now

BATCH = 1000


def network(address: str) -> str:
    """As ``accounts.request_context.network`` did it when this was written."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def fill(apps: Any, schema_editor: Any) -> None:
    """The last session of each account and address comes first, and is the one that is kept."""
    Session, KnownNetwork = (
        apps.get_model("accounts", "Session"),
        apps.get_model("accounts", "KnownNetwork"),
    )
    recent = Session.objects.filter(created_at__gt=now() - timedelta(days=90)).exclude(address=None)
    last = (
        recent.values("user", "address")
        .annotate(first=models.Min("created_at"), last=models.Max("created_at"))
        .order_by("-last")
    )
    found = last.iterator()
    while rows := list(islice(found, BATCH)):
        known = [
            KnownNetwork(
                user_id=row["user"],
                network=network(row["address"]),
                first_seen_at=row["first"],
                last_seen_at=row["last"],
            )
            for row in rows
        ]
        KnownNetwork.objects.bulk_create(known, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_mail_kinds")]

    operations = [
        migrations.AlterField(
            model_name="passwordreset",
            name="wrong_tries",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="Wrong codes; the fifth ends the code, never the link."
            ),
        ),
        migrations.CreateModel(
            name="KnownNetwork",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "network",
                    models.GenericIPAddressField(
                        help_text="An IPv4 address, or the first address of an IPv6 /64."
                    ),
                ),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="known_networks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "network"), name="one_row_per_user_and_network"
                    )
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
