from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0003_linking_history_and_retries")]

    operations = [
        migrations.AddField(
            model_name="cognitologin",
            name="refresh_sent_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
