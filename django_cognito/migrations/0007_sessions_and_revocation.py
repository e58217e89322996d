from django.db import migrations, models

from ..models import ExactCharField


class Migration(migrations.Migration):
    dependencies = [("django_cognito", "0006_placeholder_username")]

    operations = [
        migrations.AddField(
            model_name="cognitouser",
            name="enabled",
            field=models.BooleanField(default=True, verbose_name="enabled in Cognito"),
        ),
        migrations.AddField(
            model_name="cognitouser",
            name="gone_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="deleted in Cognito"),
        ),
        migrations.AddField(
            model_name="cognitouser",
            name="not_before",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="sign-ins valid after"),
        ),
        migrations.AddField(
            model_name="cognitouser",
            name="deactivated_user",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="cognitologin",
            name="issued_by",
            field=models.CharField(
                choices=[("hosted_ui", "hosted UI"), ("api", "user-pool API")],
                default="hosted_ui",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="cognitologin",
            name="origin_jti",
            field=ExactCharField(blank=True, db_index=True, default="", editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name="cognitologin",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last used"),
        ),
        migrations.AddField(
            model_name="cognitologin",
            name="user_agent",
            field=models.CharField(blank=True, default="", max_length=255, verbose_name="browser"),
        ),
        migrations.AddField(
            model_name="cognitologin",
            name="ip_address",
            field=models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address"),
        ),
        migrations.AddField(
            model_name="cognitologin",
            name="ended_at",
            field=models.DateTimeField(blank=True, db_index=True, editable=False, null=True, verbose_name="ended"),
        ),
    ]
