"""What a child made of a picture, as files to store and as the values of a row."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from imgs.cards import INLINE_MAX_BYTES

if TYPE_CHECKING:  # web processes decode nothing, so they need no Pillow
    from imgs.compression import Rendition, Result


@dataclass(frozen=True)
class Made:
    """The files in `folder`, and what is known of them: a result, renditions, or both. None: not made this time."""

    folder: Path
    result: "Result | None" = None
    renditions: "Sequence[Rendition] | None" = None

    def inline(self) -> bytes:
        """The bytes of a new small version, if viewers get them along with its card."""
        if self.result is None or self.result.compressed_size > INLINE_MAX_BYTES:
            return b""
        return (self.folder / self.result.compressed).read_bytes()

    def files(self, mark: str) -> dict[str, Path]:
        """Every file by the name under which it is to be stored, which begins with `mark` in its folder."""
        files = {_rendition_name(mark, made): self.folder / made.name for made in self.renditions or ()}
        if self.result:
            files[_name("compressed", mark, self.result.compressed)] = self.folder / self.result.compressed
            if self.result.original:
                files[_name("originals", mark, self.result.original)] = self.folder / self.result.original
        return files

    def values(self, names: dict[str, str], mark: str) -> dict[str, Any]:
        """What the row says of it, with the names that the files of `files` got."""
        values: dict[str, Any] = {}
        if self.renditions is not None:
            values["renditions"] = [
                asdict(made) | {"name": names[_rendition_name(mark, made)]} for made in self.renditions
            ]
            values["renditions_size"] = sum(made.size for made in self.renditions)
        if self.result:
            values |= self._result_values(self.result, names, mark)
        return values

    def _result_values(self, result: "Result", names: dict[str, str], mark: str) -> dict[str, Any]:
        values = {
            "compressed": names[_name("compressed", mark, result.compressed)],
            "compressed_type": result.compressed_type,
            "compressed_size": result.compressed_size,
            "compressed_width": result.compressed_width,
            "compressed_height": result.compressed_height,
            "width": result.width,
            "height": result.height,
            "placeholder": result.placeholder,
            "notes": list(result.notes),
        }
        if result.original:
            values["original"] = names[_name("originals", mark, result.original)]
            values["kept_size"] = result.original_size
        return values


def _name(folder: str, mark: str, file: str) -> str:
    return f"{folder}/{mark}{PurePath(file).suffix}"


def _rendition_name(mark: str, made: "Rendition") -> str:
    return f"renditions/{mark}-{made.width}.webp"
