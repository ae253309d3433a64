"""The gallery that everybody has from the start."""

from django.db import migrations


def create_main(apps, schema_editor):
    from imgs.models import new_epoch

    apps.get_model("imgs", "Gallery").objects.get_or_create(slug="main", defaults={"title": "Dinding", "epoch": new_epoch()})


class Migration(migrations.Migration):
    dependencies = [("imgs", "0001_initial")]
    operations = [migrations.RunPython(create_main, migrations.RunPython.noop)]
