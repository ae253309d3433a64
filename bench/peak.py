"""What a child runs when its memory is measured. Light to import: what this module loads, every child would hold."""

import resource
from pathlib import Path

from imgs.compression import Options, compress, edit, render


def nothing(_source: Path, _folder: Path, _options: Options) -> int:
    """What a child holds that has done nothing yet."""
    return peak_mb()


def compressing(source: Path, folder: Path, options: Options) -> int:
    """The peak after a compression."""
    compress(source, folder, options)
    return peak_mb()


def rendering(source: Path, folder: Path, options: Options) -> int:
    """The peak after renditions."""
    render(source, folder, options)
    return peak_mb()


def editing(source: Path, folder: Path, options: Options) -> int:
    """The peak after an edit: a compression and renditions from one decoding."""
    edit(source, folder, options)
    return peak_mb()


def peak_mb() -> int:
    """The most that this process has held up to now, in millions of bytes; Linux counts in KiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
