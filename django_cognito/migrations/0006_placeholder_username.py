from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0005_refresh_sent_at")]

    operations = [
        migrations.AddField(
            model_name="cognitouser",
            name="placeholder_username",
            field=models.CharField(blank=True, default="", editable=False, max_length=255),
        ),
    ]
