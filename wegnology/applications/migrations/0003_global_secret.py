from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('applications', '0002_member'),
    ]

    operations = [
        migrations.AddField(
            model_name='global',
            name='secret',
            field=models.BooleanField(db_default=False, default=False, help_text='Sealed, never shown again, and only for the settings of integrations and credentials: no workflow sees it.'),
        ),
    ]
