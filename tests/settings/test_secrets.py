"""Keys: where they are found, in which order, and that none ever shows."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from silverprint.core.errors import DiskFull, SettingsError, StorageError, UsageError
from silverprint.settings.paths import find_paths
from silverprint.settings.secrets import SERVICE, Secrets, masked, usual_name, variable


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
    assert secrets.get("hf") == "k"


USUAL = [
    ("replicate", {"REPLICATE_API_TOKEN": "k"}, "REPLICATE_API_TOKEN"),
    ("fal", {"FAL_KEY": "k", "FAL_KEY_ID": "id", "FAL_KEY_SECRET": "s"}, "FAL_KEY"),
    ("bfl", {"BFL_API_KEY": "k"}, "BFL_API_KEY"),
    ("gemini", {"GEMINI_API_KEY": "other", "GOOGLE_API_KEY": "k"}, "GOOGLE_API_KEY"),
    ("gemini", {"GEMINI_API_KEY": "k", "GOOGLE_API_KEY": " "}, "GEMINI_API_KEY"),
    ("openai", {"OPENAI_API_KEY": "k"}, "OPENAI_API_KEY"),
    ("hf", {"HF_TOKEN": "k", "HUGGING_FACE_HUB_TOKEN": "old"}, "HF_TOKEN"),
    ("hf", {"HUGGING_FACE_HUB_TOKEN": "k"}, "HUGGING_FACE_HUB_TOKEN"),
    ("civitai", {"CIVITAI_TOKEN": "k"}, "CIVITAI_TOKEN"),
    ("my-box", {"SILVERPRINT_MY_BOX_KEY": "k"}, "SILVERPRINT_MY_BOX_KEY"),
]


@pytest.mark.parametrize(("name", "environ", "said"), USUAL, ids=lambda value: str(value)[:40])
def test_each_service_has_its_usual_variables(name: str, environ: dict[str, str], said: str) -> None:
    found = Secrets(environ, keyring=None).find(name)
    assert found is not None
    assert (found.value, found.place, found.variable) == ("k", "environment", said)
    ours = Secrets(environ | {variable(name): "ours"}, keyring=None)
    assert ours.get(name) == "ours"


def test_the_two_halves_of_a_fal_key_are_joined_and_one_alone_is_no_key() -> None:
    environ = {"FAL_KEY_ID": "id"}
    secrets = Secrets(environ, keyring=None)
    assert secrets.find("fal") is None
    environ["FAL_KEY_SECRET"] = "secret"
    found = secrets.find("fal")
    assert found is not None
    assert (found.value, found.variable) == ("id:secret", "FAL_KEY_ID + FAL_KEY_SECRET")


def test_a_usual_variable_goes_to_its_own_service_only() -> None:
    environ = {name: "k" for _, variables, _ in USUAL for name in variables if not name.startswith("SILVER")}
    secrets = Secrets(environ, keyring=None)
    for name in ("my-box", "bfl-home", "huggingface", "openai2", ""):
        assert secrets.get(name) is None


@pytest.mark.parametrize("with_ring", [True, False])
def test_a_key_kept_under_an_older_name_is_found_moved_and_removed(tmp_path: Path, with_ring: bool) -> None:
    ring, file = Ring(), tmp_path / "keys.json"
    secrets = Secrets({}, file, keyring=lambda: ring if with_ring else None)
    secrets.set("huggingface", "old-key")
    assert (secrets.get("hf"), usual_name("huggingface"), usual_name("fal")) == ("old-key", "hf", "fal")
    secrets.set("hf", "new-key")
    assert secrets.get("hf") == "new-key"
    assert secrets.get("huggingface") is None
    secrets.set("huggingface", "old-key")
    assert secrets.remove("hf")
    assert secrets.get("hf") is None
    assert not secrets.remove("hf")


def test_a_key_set_or_removed_elsewhere_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys.json"
    here, there = Secrets(None, file, keyring=None), Secrets(None, file, keyring=None)
    assert here.get("bfl") is None
    there.set("bfl", "k-1")
    assert here.get("bfl") == "k-1"
    here.set("bfl", "k-2")
    assert there.get("bfl") == "k-2"
    monkeypatch.setenv("BFL_API_KEY", "k-3")
    assert (here.get("bfl"), there.where("bfl")) == ("k-3", "environment")
    monkeypatch.delenv("BFL_API_KEY")
    there.remove("bfl")
    assert here.get("bfl") is None


SETTER = """
import sys
from pathlib import Path
from silverprint.settings.secrets import Secrets

secrets = Secrets({}, Path(sys.argv[1]), keyring=None)
for number in range(20):
    secrets.set(f"{sys.argv[2]}-{number}", "k")
"""


def test_keys_set_by_threads_and_processes_at_once_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    others = [
        subprocess.Popen([sys.executable, "-c", SETTER, str(file), f"process-{number}"])
        for number in range(2)
    ]

    def work(thread: int) -> None:
        secrets = Secrets({}, file, keyring=None)
        for number in range(20):
            secrets.set(f"thread-{thread}-{number}", "k")

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in others] == [0, 0]
    assert len(json.loads(file.read_bytes())) == 100


def test_one_secrets_serves_many_threads(tmp_path: Path) -> None:
    ring, begun = Ring(), threading.Barrier(8)
    found: list[str | None] = []
    looked: list[int] = []

    def find() -> Ring:
        looked.append(1)
        return ring

    secrets = Secrets({}, tmp_path / "keys.json", keyring=find)

    def work(number: int) -> None:
        begun.wait()
        for turn in range(50):
            secrets.set(f"own-{number}", f"key-{number}-{turn}")
            found.append(secrets.get(f"own-{number}"))
            secrets.redact("text")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(value) for value in found) == sorted(
        f"key-{n}-{t}" for n in range(8) for t in range(50)
    )
    assert looked == [1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [("", "••••"), ("short", "••••"), ("x" * 15, "••••"), ("r8_abcdefghijklmnop", "••••mnop")],
)
def test_a_masked_key_shows_its_end_and_a_short_one_nothing(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_redacting_takes_out_what_was_found_or_set_and_leaves_words(tmp_path: Path) -> None:
    ring = Ring()
    ring.kept[SERVICE, "bfl"] = "bfl-0123456789"
    file = tmp_path / "keys.json"
    Secrets({}, file, keyring=None).set("attic", "attic-0123456789")
    secrets = Secrets({"FAL_KEY": "fal-id-0123456:fal-secret-0123"}, file, keyring=lambda: ring)
    assert secrets.redact("refused: fal-secret-0123 of fal-id-0123456:fal-secret-0123") == "refused: … of …"
    assert secrets.redact("attic-0123456789 bfl-0123456789") == "… bfl-0123456789"
    secrets.get("bfl")
    assert secrets.redact("attic-0123456789 bfl-0123456789") == "… …"
    secrets.set("home", "studio")
    assert secrets.redact("the studio") == "the studio"
    secrets.set("home", 'quote"quote-0123')
    assert "quote-0123" not in secrets.redact(json.dumps({"said": 'quote"quote-0123'}))


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


@pytest.mark.parametrize(
    "value", ["", "  ", "two\nlines", "esc\x1b[0m", "Bearer sk-1", "clé", "x" * 5_000], ids=repr
)
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Secrets({}, tmp_path / "keys.json", keyring=None).set("fal", value)
    assert not value.strip() or value not in str(caught.value) + caught.value.fix
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
    assert "sk-hidden" not in repr(secrets) + repr(secrets.find("fal"))
