"""An index for LINK_BY_VERIFIED_EMAIL, which searches Django's users by UPPER(email). Only PostgreSQL uses it.

On a table in use, create it with CONCURRENTLY, as docs/deployment.md shows.
"""

from django.db import migrations


def create_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX user_upper_email ON auth_user (UPPER(email))")


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX user_upper_email")


class Migration(migrations.Migration):
    dependencies = [("notes", "0002_note_photo_key"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(create_index, drop_index, elidable=False)]
