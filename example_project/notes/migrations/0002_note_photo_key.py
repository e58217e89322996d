from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notes", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="note",
            name="photo_key",
            field=models.CharField(blank=True, editable=False, max_length=200),
        ),
    ]
