from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0008_pool_synchronization")]

    operations = [
        migrations.AddField(
            model_name="cognitouser",
            name="claim_fields",
            field=models.JSONField(default=dict, editable=False),
        ),
    ]
