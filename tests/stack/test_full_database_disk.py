"""A full disk under PostgreSQL refuses uploads and loses none that were accepted."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.disks import SmallDisk, small_disk
from tests.factories import picture
from tests.stack.fleet import RunningFleet, Visitor
from tests.stack.test_backup_on_postgresql import Installation


@pytest.fixture
def small_tables(fleet: RunningFleet) -> Iterator[SmallDisk]:
    """A small disk that holds the images' rows."""
    installed = Installation(fleet, "dinding", fleet.folder / "data")
    folder = Path(tempfile.mkdtemp(prefix="dinding-disk-", dir="/tmp"))  # one that the user postgres can get to

    def tell(*statements: str) -> None:
        with closing(psycopg2.connect(installed.database)) as connection:
            connection.autocommit = True
            for statement in statements:
                connection.cursor().execute(statement)

    with small_disk(folder, "2m") as disk:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        (folder / "tables").mkdir()
        os.chown(folder / "tables", account.pw_uid, account.pw_gid)
        tell(
            f"CREATE TABLESPACE small LOCATION '{folder}/tables'", "ALTER TABLE imgs_uploadedimage SET TABLESPACE small"
        )
        try:
            yield disk
        finally:
            disk.free()
            tell("ALTER TABLE imgs_uploadedimage SET TABLESPACE pg_default", "CHECKPOINT", "DROP TABLESPACE small")
    shutil.rmtree(folder)


def test_it_refuses_uploads_as_long_as_there_is_no_room_for_their_rows(
    fleet: RunningFleet, visitor: Visitor, small_tables: SmallDisk
) -> None:
    originals = fleet.folder / "data" / "media" / "originals"
    before = {path.stem for path in originals.glob("*")}
    small_tables.fill()
    accepted, refusals = [], 0
    while refusals < 3:  # some are accepted in between: PostgreSQL finds room in what finished rows left
        answer = visitor.upload(picture(150))
        if answer.status_code == 202:
            accepted.append(answer.json()["image"]["id"])
            assert len(accepted) < 500
        else:
            assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
            refusals += 1
    assert {path.stem for path in originals.glob("*")} - before == set(accepted)
    small_tables.free()
    accepted.append(visitor.upload_card(picture(152))["id"])
    for image in accepted[-20:]:
        visitor.ready_card(image)
