from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("django_cognito", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="cognitouser",
            name="user_info_digest",
            field=models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
    ]
