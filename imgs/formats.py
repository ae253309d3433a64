"""The types of pictures by name: the extensions that people send, and those that the server gives."""

from pathlib import PurePath

# An upload may be named by any of these, whatever it holds; the content decides what it is.
ACCEPTED_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp"}
    | {".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"}
)

_CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
}


def content_type_of(name: str) -> str:
    """The type of a stored picture, told by the extension that the server gave it."""
    return _CONTENT_TYPES[PurePath(name).suffix]
