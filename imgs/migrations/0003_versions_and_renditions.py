from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imgs', '0002_default_gallery'),
    ]

    operations = [
        migrations.AddField(
            model_name='uploadedimage',
            name='compressed_type',
            field=models.CharField(default='image/jpeg', max_length=50),
        ),
        migrations.AddField(
            model_name='uploadedimage',
            name='is_duplicate',
            field=models.BooleanField(default=False, verbose_name='duplicate'),
        ),
        migrations.AddField(
            model_name='uploadedimage',
            name='kept_size',
            field=models.PositiveBigIntegerField(default=0, help_text='bytes of the original as it is kept'),
        ),
        migrations.AddField(
            model_name='uploadedimage',
            name='next_edit',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='uploadedimage',
            name='notes',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='uploadedimage',
            name='renditions',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='uploadedimage',
            name='renditions_size',
            field=models.PositiveBigIntegerField(default=0, help_text='bytes, all together'),
        ),
        migrations.AddIndex(
            model_name='uploadedimage',
            index=models.Index(models.F('gallery'), models.F('sha256'), name='image_same_bytes'),
        ),
    ]
