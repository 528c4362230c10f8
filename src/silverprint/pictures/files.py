"""Names, hashes and folders of picture files. Names are made of safe signs only, whatever a prompt holds."""

from __future__ import annotations

import errno
import hashlib
import re
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from silverprint.core.errors import DiskFull, PictureError, StorageError
from silverprint.core.job import Job

_PLAIN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
# Names that Windows keeps for devices, so that an exported folder can be copied there.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
)


def sha256(data: bytes) -> str:
    """Hex digest of the bytes."""
    return hashlib.sha256(data).hexdigest()


def relative_path(job: Job, number: int, extension: str) -> str:
    """``2026-11-22/20261122-160102-<job id>-1.png``: from the job's creation (UTC), so it never changes."""
    made = job.created.astimezone(UTC) if job.created.tzinfo else job.created.replace(tzinfo=UTC)
    return f"{made:%Y-%m-%d}/{made:%Y%m%d-%H%M%S}-{check_id(job.id)}-{number}{extension}"


def check_id(text: str) -> str:
    """The id, if it may be part of a path. Raises PictureError."""
    if not _PLAIN_ID.fullmatch(text):
        raise PictureError("This job's id can't be part of a file name.")
    return text


def safe_name(text: str, *, most: int = 80) -> str:
    """The text as part of a file name: letters and digits of any script stay, the rest becomes ``-``.

    Never empty, never hidden, never a device name, at most ``most`` bytes of UTF-8.
    """
    plain = unicodedata.normalize("NFC", text)
    kept = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in plain)
    kept = re.sub(r"-{2,}", "-", kept).strip("-. ")
    kept = kept.encode("utf-8", "ignore")[:most].decode("utf-8", "ignore").rstrip("-. ")
    return f"{kept}-" if kept.partition(".")[0].lower() in _DEVICES else kept or "picture"


def make_folder(folder: Path, *, mode: int = 0o700) -> None:
    """Create a folder and those above it, durably. Raises DiskFull or StorageError."""
    from silverprint.store.atomic import sync_folder

    try:
        if folder.is_dir():
            return
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise storage_error(error, folder, "created") from error


def storage_error(error: OSError, path: Path, verb: str) -> StorageError:
    """The deliberate error for what the system said of a path."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"There is no room left for {path.name}.", path=path)
    return StorageError(
        f"{path} could not be {verb}: {error.strerror or error}.",
        path=path,
        fix=f"Check that {path.parent} exists and may be written to.",
    )


def moment(text: str) -> datetime:
    """A moment as records write it. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
