"""Which file systems are taken for network ones, from tables of mounts as Linux writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from silverprint.store.filesystem import is_network

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:50 / /home/ann rw,relatime shared:5 - nfs4 server:/home rw,vers=4.2
41 40 254:1 / /home/ann/local rw,relatime - xfs /dev/vdb rw
42 27 0:51 / /mnt/c rw,noatime - 9p C:\\134 rw
43 27 0:52 / /media/my\\040disk rw,relatime - cifs //nas/disk rw
44 27 0:53 / /mnt/ssh rw - fuse.sshfs ann@box: rw
45 27 0:54 / /mnt/stick rw - fuseblk /dev/sdb1 rw
46 27 0:55 / /mnt/merged rw - fuse.mergerfs a:b rw
47 27 0:56 / /srv rw - nfs server:/srv rw
48 47 254:2 / /srv rw - btrfs /dev/vdc rw
a line that is cut
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/x.db", False),
        ("/home/ann/x.db", True),
        ("/home/anne/x.db", False),
        ("/home/ann/local/x.db", False),
        ("/mnt/c/Users/x.db", True),
        ("/media/my disk/x.db", True),
        ("/mnt/ssh/x.db", True),
        ("/mnt/stick/x.db", False),
        ("/mnt/merged/x.db", False),
        ("/srv/x.db", False),
    ],
)
def test_by_the_innermost_mount(tmp_path: Path, path: str, expected: bool) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS, encoding="utf-8")
    assert is_network(Path(path), mounts=table) is expected


def test_without_a_table_of_mounts_the_answer_is_no(tmp_path: Path) -> None:
    assert is_network(tmp_path / "x.db", mounts=tmp_path / "missing") is False


def test_a_link_is_followed(tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "near").symlink_to(far)
    table = tmp_path / "mountinfo"
    table.write_text(f"1 1 0:1 / / rw - ext4 a rw\n2 1 0:2 / {far} rw - nfs4 b rw\n", encoding="utf-8")
    assert is_network(tmp_path / "near" / "x.db", mounts=table) is True
