import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("connectors", "0009_identity_providers"),
    ]

    operations = [
        migrations.AlterField(
            model_name="aimodel",
            name="price_cached",
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="Empty: like every token in.",
                max_digits=10,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="price of a million tokens in that the provider had kept",
            ),
        ),
        migrations.AlterField(
            model_name="aimodel",
            name="price_in",
            field=models.DecimalField(
                decimal_places=4,
                default=0,
                max_digits=10,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="price of a million tokens in",
            ),
        ),
        migrations.AlterField(
            model_name="aimodel",
            name="price_out",
            field=models.DecimalField(
                decimal_places=4,
                default=0,
                max_digits=10,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="price of a million tokens out",
            ),
        ),
    ]
