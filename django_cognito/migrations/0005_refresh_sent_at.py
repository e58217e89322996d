from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0004_exact_names")]

    operations = [
        migrations.AddField(
            model_name="cognitologin",
            name="refresh_sent_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
