"""Whether a path lies on a network file system. SQLite's write-ahead log needs shared memory, which those don't give."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "drvfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "smb3",
        "smbfs",
        "vboxsf",
        "vmhgfs",
    }
)
# FUSE is mostly something far away (sshfs, rclone, s3fs, gvfs); these are local disks behind it.
_LOCAL_FUSE = frozenset(
    {"fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.mergerfs", "fuse.bindfs"}
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def is_network(path: Path, *, mounts: Path = MOUNTS) -> bool:
    """Whether ``path``, which need not exist yet, is on a network file system.

    Reads Linux's table of mounts (``proc_pid_mountinfo(5)``). Where there is no such table the answer is False, and
    SQLite itself refuses the write-ahead log on what it knows to be unfit.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    kind = _kind_of(os.path.realpath(path), lines)
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


def _kind_of(path: str, lines: list[str]) -> str:
    best, kind = -1, ""
    for line in lines:
        head, dash, tail = line.partition(" - ")
        fields, source = head.split(), tail.split()
        if not dash or len(fields) < 5 or not source:
            continue
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # A later line with the same mount point lies over the earlier one.
        if inside and len(point) >= best:
            best, kind = len(point), source[0]
    return kind
