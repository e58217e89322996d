from django.db import migrations, models

from ..models import ExactCharField


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0007_sessions_and_revocation")]

    operations = [
        migrations.AddField(
            model_name="cognitouser",
            name="created_user",
            field=models.BooleanField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="CognitoSync",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_pool_id", ExactCharField(max_length=55, unique=True, verbose_name="user pool")),
                ("run_id", models.UUIDField(editable=False, null=True)),
                ("held_until", models.DateTimeField(editable=False, null=True)),
                ("started_at", models.DateTimeField(null=True, verbose_name="started")),
                ("completed_at", models.DateTimeField(null=True, verbose_name="completed")),
            ],
            options={"verbose_name": "pool synchronization", "verbose_name_plural": "pool synchronizations"},
        ),
    ]
