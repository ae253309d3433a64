"""Loaded before Django's settings: gives the tests a data folder of their own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp(prefix="dinding-tests-"))
(folder / "static").mkdir()
os.environ["DATA_DIR"] = str(folder)
os.environ["UPLOAD_RATE"] = "100000/minute"
atexit.register(shutil.rmtree, folder, ignore_errors=True)
