"""Pictures in, results out: what the tests of compression have in common."""

import io
from pathlib import Path

import pytest
from PIL import Image

from imgs.compression import CompressionError, Options, Rendition, Result, compress, edit, render


class Bench:
    """Works on bytes by way of a file and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.folder = folder / "made"
        self.folder.mkdir()
        self._compressed = ""

    def run(self, data: bytes, **options: object) -> Result:
        """Compress `data`."""
        self.source.write_bytes(data)
        result = compress(self.source, self.folder, Options(**options))
        self._compressed = result.compressed
        return result

    def small(self, data: bytes, **options: object) -> Image.Image:
        """The compressed version of `data`, decoded."""
        self.run(data, **options)
        return self.made()

    def made(self) -> Image.Image:
        """What was compressed last, decoded."""
        return self.decoded(self._compressed)

    def decoded(self, name: str) -> Image.Image:
        """A picture that was written, decoded."""
        image = Image.open(io.BytesIO((self.folder / name).read_bytes()))
        image.load()
        return image

    def renditions(self, data: bytes, **options: object) -> list[Rendition]:
        """The renditions of `data`."""
        self.source.write_bytes(data)
        return render(self.source, self.folder, Options(**options))

    def edit(self, data: bytes, **options: object) -> tuple[Result, list[Rendition]]:
        """Both."""
        self.source.write_bytes(data)
        result, renditions = edit(self.source, self.folder, Options(**options))
        self._compressed = result.compressed
        return result, renditions

    def code(self, data: bytes, **options: object) -> str:
        """The code of the error that `data` causes."""
        with pytest.raises(CompressionError) as caught:
            self.run(data, **options)
        assert not list(self.folder.iterdir())
        return caught.value.code
