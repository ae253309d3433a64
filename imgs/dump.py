"""The database of a backup: written out while the gallery is in use, and taken in again.

SQLite gives a copy of itself. PostgreSQL gives each table as text, all of them as of one moment, through the connection
that the program has anyway: no other program is needed, and none whose version must fit.
"""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from imgs.models import new_epoch

SQLITE_FILE = "database.sqlite3"
IN_USE_SECONDS = 30.0  # whoever holds a table in a gallery that is in use lets go of it sooner

_FILES = """
SELECT original, kept_size, compressed, compressed_size, renditions FROM imgs_uploadedimage
WHERE status <> 'removed'
"""

Migrations = list[tuple[str, str]]
StoredFile = tuple[str, int]


def save(folder: Path, list_files: Callable[[Iterator[StoredFile]], None]) -> Migrations:
    """Write the database of this moment into `folder`, and pass on the files that its images have, with their sizes.

    Returns the migrations it is at.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(folder / SQLITE_FILE)])
        with closing(sqlite3.connect(folder / SQLITE_FILE)) as copy:
            list_files(_files(copy.execute(_FILES)))
            return list(copy.execute("SELECT app, name FROM django_migrations ORDER BY id"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # the folder may be slow
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            names = ", ".join(_quoted(column.name) for column in _columns(cursor, table))
            with (folder / f"{table}.copy").open("wb") as file:
                file.write(names.encode() + b"\n")
                cursor.copy_expert(f"COPY {_quoted(table)} ({names}) TO STDOUT", file)
        cursor.execute(_FILES)
        list_files(_files(cursor))
        return list(MigrationRecorder.Migration.objects.order_by("id").values_list("app", "name"))


def load(folder: Path, migrations: Migrations) -> None:
    """Put the saved database in the place of this one, at once, its feeds under new epochs; then migrate it.

    It may be in use: screens see another epoch, and load their galleries afresh.
    """
    if connection.vendor == "sqlite":
        with tempfile.TemporaryDirectory(dir=Path(connection.settings_dict["NAME"]).parent) as temporary:
            shutil.copyfile(folder / SQLITE_FILE, Path(temporary) / SQLITE_FILE)
            with closing(sqlite3.connect(Path(temporary) / SQLITE_FILE)) as copy:
                _begin_feeds(copy.cursor(), "?")
                copy.commit()
                connection.ensure_connection()
                copy.backup(connection.connection)
    else:
        _migrate_to(migrations)
        with transaction.atomic(), connection.cursor() as cursor:
            _take_in(cursor, sorted(folder.glob("*.copy")))
            _begin_feeds(cursor, "%s")
    call_command("migrate", verbosity=0, interactive=False)


def is_in_use() -> bool:
    """Whether another process has this database open."""
    if connection.vendor == "sqlite":
        connection.close()
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as alone:
            try:  # nobody leaves the write-ahead log while another has it open
                return bool(alone.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete")
            except sqlite3.OperationalError:
                return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return bool(cursor.fetchone()[0])


def is_known(migrations: Migrations) -> bool:
    """Whether this version of the program has all of these migrations."""
    return set(migrations) <= set(MigrationExecutor(connection).loader.disk_migrations)


def _files(rows: Any) -> Iterator[StoredFile]:
    for original, kept_size, compressed, compressed_size, renditions in rows:
        yield original, kept_size
        if compressed:
            yield compressed, compressed_size
        for rendition in json.loads(renditions):
            yield rendition["name"], rendition["size"]


def _migrate_to(migrations: Migrations) -> None:
    """Give the tables the shape they had when they were saved."""
    last = dict(migrations)  # of each app, the one that came last
    MigrationExecutor(connection).migrate(list(last.items()))


def _take_in(cursor: Any, files: list[Path]) -> None:
    cursor.execute(f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{IN_USE_SECONDS:.0f}s'")
    cursor.execute(f"TRUNCATE {', '.join(_quoted(file.stem) for file in files)}")
    for path in files:
        with path.open("rb") as file:
            names = file.readline().decode().strip()
            cursor.copy_expert(f"COPY {_quoted(path.stem)} ({names}) FROM STDIN", file)
    for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models(include_auto_created=True)):
        cursor.execute(statement)


def _begin_feeds(cursor: Any, place: str) -> None:
    """The numbers of a feed may be given out once more from here on, so each feed gets a new name."""
    cursor.execute("SELECT id FROM imgs_gallery")
    for (gallery_id,) in cursor.fetchall():
        cursor.execute(f"UPDATE imgs_gallery SET epoch = {place} WHERE id = {place}", [new_epoch(), gallery_id])  # noqa: S608


def _columns(cursor: Any, table: str) -> list[Any]:
    return list(connection.introspection.get_table_description(cursor, table))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
