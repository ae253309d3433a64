from django.conf import settings
from django.db import migrations
from django.db.models import F


def make_anew(apps, _schema_editor):
    """Have every shown picture made anew: its original loses what is private in it, and it gets its renditions.

    Workers do that one after another, behind what is uploaded meanwhile; each picture is shown as it was until then.
    """
    images = apps.get_model("imgs", "UploadedImage").objects.all()
    chosen = {
        "width": settings.THUMBNAIL_WIDTH,
        "format": None,
        "quality": settings.THUMBNAIL_QUALITY,
        "crop": None,
        "flip": False,
        "rotation": 0,
    }
    images.update(kept_size=F("original_size"), edit=chosen)
    images.filter(status="ready").update(work="edit", next_edit=chosen, attempts=0)


class Migration(migrations.Migration):
    dependencies = [("imgs", "0003_versions_and_renditions")]
    operations = [migrations.RunPython(make_anew, migrations.RunPython.noop)]
