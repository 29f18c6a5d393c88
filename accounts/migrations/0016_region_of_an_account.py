import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_mails_due_of_a_kind"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="aws_region",
            field=models.CharField(
                blank=True,
                max_length=50,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[a-z]{2}(-[a-z]+)+-[0-9]\\Z", "A region is written like eu-north-1."
                    )
                ],
                verbose_name="AWS region",
            ),
        ),
    ]
