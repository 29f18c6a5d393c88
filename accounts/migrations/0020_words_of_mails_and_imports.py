"""Change the labels and help texts of two fields, and nothing in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_status_list_indexes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="outgoingmail",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("sent", "Sent"),
                    ("nobody", "No user to send it to"),
                    ("enough", "Not sent: enough for this hour"),
                    ("failed", "Failed"),
                ],
                db_column="fate",
                default="waiting",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="pendingimport",
            name="report",
            field=models.TextField(
                blank=True, editable=False, help_text="Encrypted, for it names users."
            ),
        ),
    ]
