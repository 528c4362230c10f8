"""Keys: where they are found, in which order, and that none ever shows."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from silverprint.core.errors import DiskFull, SettingsError, StorageError, UsageError
from silverprint.settings.paths import find_paths
from silverprint.settings.secrets import SERVICE, Secrets, variable


class Ring:
    """A keyring in memory; a locked one refuses."""

    def __init__(self, *, locked: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = locked
        self.asked = 0

    def get_password(self, service: str, name: str) -> str | None:
        self._check()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self._check()
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        self._check()
        del self.kept[service, name]

    def _check(self) -> None:
        self.asked += 1
        if self.locked:
            from keyring.errors import KeyringLocked

            raise KeyringLocked("locked")


def test_the_environment_then_the_keyring_then_the_file(tmp_path: Path) -> None:
    ring = Ring()
    environ: dict[str, str] = {}
    file = tmp_path / "keys.json"
    Secrets({}, file, keyring=None).set("fal", "from-file")
    secrets = Secrets(environ, file, keyring=lambda: ring)
    assert (secrets.get("fal"), secrets.where("fal")) == ("from-file", "file")
    ring.kept[SERVICE, "fal"] = "from-ring"
    assert (secrets.get("fal"), secrets.where("fal")) == ("from-ring", "keyring")
    environ["FAL_KEY"] = " from-service-variable \n"
    assert (secrets.get("fal"), secrets.where("fal")) == ("from-service-variable", "environment")
    environ[variable("fal")] = "from-our-variable"
    assert secrets.get("fal") == "from-our-variable"
    environ[variable("fal")] = environ["FAL_KEY"] = ""
    assert secrets.get("fal") == "from-ring"
    assert secrets.get("nobody") is None
    assert secrets.where("nobody") is None


def test_the_keyring_is_not_asked_when_the_environment_has_the_key() -> None:
    secrets = Secrets({"HF_TOKEN": "k"}, keyring=lambda: pytest.fail("asked"))
    assert secrets.get("huggingface") == "k"


def test_names_become_variables() -> None:
    assert variable("fal") == "SILVERPRINT_FAL_KEY"
    assert variable("my-server.2") == "SILVERPRINT_MY_SERVER_2_KEY"


def test_a_key_goes_to_the_keyring_and_leaves_the_file(tmp_path: Path) -> None:
    file, ring = tmp_path / "keys.json", Ring()
    Secrets({}, file, keyring=None).set("fal", "old")
    secrets = Secrets({}, file, keyring=lambda: ring)
    assert secrets.set("fal", "  new\n") == "keyring"
    assert ring.kept == {(SERVICE, "fal"): "new"}
    assert b"old" not in file.read_bytes()
    assert secrets.remove("fal")
    assert not secrets.remove("fal")
    assert secrets.get("fal") is None


def test_a_locked_keyring_falls_back_to_the_file(tmp_path: Path) -> None:
    ring = Ring(locked=True)
    secrets = Secrets({}, tmp_path / "keys.json", keyring=lambda: ring)
    assert secrets.set("fal", "k") == "file"
    assert secrets.where("fal") == "file"
    assert secrets.remove("fal")
    assert ring.asked >= 3


def test_the_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sub" / "keys.json"
    modes: list[int] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        state = os.fstat(descriptor)
        if stat.S_ISREG(state.st_mode):
            modes.append(state.st_mode & 0o777)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    old = os.umask(0)
    try:
        secrets = Secrets({}, file, keyring=None)
        secrets.set("fal", "k-1")
        secrets.set("bfl", "k-2")
    finally:
        os.umask(old)
    assert modes == [0o600, 0o600]
    assert file.stat().st_mode & 0o777 == 0o600
    assert (secrets.get("fal"), secrets.get("bfl")) == ("k-1", "k-2")


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"fal": "k"}')
    file.chmod(0o644)
    assert Secrets({}, file, keyring=None).get("fal") == "k"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [b"{", b'["sk-hidden"]', b'{"fal": 7}', b'{"fal": "sk-hidden', b"\xff"])
def test_a_damaged_file_is_told_without_its_content(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(data)
    secrets = Secrets({}, file, keyring=None)
    with pytest.raises(SettingsError) as caught:
        secrets.get("fal")
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "sk-hidden" not in repr(chain)
        assert "sk-hidden" not in str(vars(chain))
        chain = chain.__cause__ or chain.__context__
    with pytest.raises(SettingsError):
        secrets.set("fal", "k")
    assert file.read_bytes() == data


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "esc\x1b[0m", "x" * 5_000])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Secrets({}, tmp_path / "keys.json", keyring=None).set("fal", value)
    assert not value.strip() or value not in str(caught.value)
    assert not (tmp_path / "keys.json").exists()


def test_without_any_place_the_variable_is_named() -> None:
    with pytest.raises(StorageError) as caught:
        Secrets({}, keyring=None).set("fal", "secret-key")
    assert "SILVERPRINT_FAL_KEY" in caught.value.fix
    assert "secret-key" not in str(caught.value) + caught.value.fix


def test_a_full_disk_keeps_the_older_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys.json"
    secrets = Secrets({}, file, keyring=None)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            secrets.set("fal", "k")
    assert secrets.get("fal") is None
    secrets.set("fal", "k")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            secrets.set("fal", "newer")
    assert secrets.get("fal") == "k"


def test_a_home_of_its_own_asks_no_keyring(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("silverprint.settings.secrets.find_keyring", lambda: pytest.fail("asked"))
    paths = find_paths(os.environ)
    secrets = Secrets.at(paths, {})
    assert secrets.set("fal", "k") == "file"
    assert paths.keys_file.is_file()


def test_a_key_is_in_no_repr(tmp_path: Path) -> None:
    secrets = Secrets({"FAL_KEY": "sk-hidden"}, tmp_path / "keys.json", keyring=None)
    assert secrets.get("fal") == "sk-hidden"
    assert "sk-hidden" not in repr(secrets)
