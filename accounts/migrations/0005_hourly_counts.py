from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_append_only_trail")]
    operations = [
        migrations.CreateModel(
            name="HourlyCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        help_text="An audit event's, or one of those that accounts.audit.statistics names.",
                        max_length=30,
                    ),
                ),
                ("contract", models.CharField(blank=True, max_length=20)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("count", models.PositiveBigIntegerField(default=0)),
                ("counted_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["hour", "kind", "contract", "reason"],
                        name="one_count_per_hour_and_thing",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="outgoingmail",
            index=models.Index(fields=["fate", "closed_at"], name="outgoing_mail_closed"),
        ),
    ]
