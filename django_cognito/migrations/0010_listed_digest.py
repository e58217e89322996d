from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0009_claim_fields")]

    operations = [
        migrations.AddField(
            model_name="cognitouser",
            name="listed_digest",
            field=models.CharField(blank=True, default="", editable=False, max_length=33),
        ),
        migrations.AddField(
            model_name="cognitosync",
            name="confirmed_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
