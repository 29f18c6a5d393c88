from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_seals"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="password_generated",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="The password is still the one that was generated for the first admin.",
            ),
        ),
    ]
