"""Secrets: the services' keys. Looked for in the environment, then the keyring, then a file of mode 0600.

Keys are never logged or put into an error. Nothing that is found is kept, so a key that was set or removed anywhere
is noticed at once. The keyring is imported when the environment has no key.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from silverprint.core.discretion import ask_too
from silverprint.core.errors import SettingsError, StorageError, UsageError

if TYPE_CHECKING:
    from silverprint.settings.paths import Paths

_T = TypeVar("_T")

Place = Literal["environment", "keyring", "file"]

# Each entry is one way to give the key; where it names several variables, their values are joined with ":".
VARIABLES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "replicate": (("REPLICATE_API_TOKEN",),),
    "fal": (("FAL_KEY",), ("FAL_KEY_ID", "FAL_KEY_SECRET")),
    "bfl": (("BFL_API_KEY",),),
    "gemini": (("GOOGLE_API_KEY",), ("GEMINI_API_KEY",)),
    "openai": (("OPENAI_API_KEY",),),
    "hf": (("HF_TOKEN",), ("HUGGING_FACE_HUB_TOKEN",)),
    "civitai": (("CIVITAI_API_KEY",), ("CIVITAI_TOKEN",), ("CIVITAI_API_TOKEN",)),
    "comfyui": (("COMFY_CLOUD_API_KEY",), ("COMFY_API_KEY",)),
}

_OLD_NAMES: Mapping[str, str] = {"huggingface": "hf"}

SERVICE = "silverprint"
MOST_CHARS = 4_000
_SHOWN = 4
_LEAST_SHOWN = 16
_LEAST_HIDDEN = 12

_FILE_LOCK = threading.RLock()  # of all Secrets of this process: they share one file


class Keyring(Protocol):
    """The part of the keyring package that is used. Each may raise RuntimeError or OSError."""

    def get_password(self, service: str, name: str) -> str | None: ...
    def set_password(self, service: str, name: str, value: str) -> None: ...
    def delete_password(self, service: str, name: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A key and where it was found; ``variable`` names the environment's, two of them as ``A + B``."""

    place: Place
    variable: str = ""
    value: str = field(repr=False)


def variable(name: str) -> str:
    """Our own variable for a key: ``fal`` -> ``SILVERPRINT_FAL_KEY``. It wins over the service's own."""
    return "SILVERPRINT_" + re.sub(r"\W+", "_", name.upper()) + "_KEY"


def usual_name(name: str) -> str:
    """The name a key goes by now, for one of an earlier time: ``huggingface`` -> ``hf``."""
    return _OLD_NAMES.get(name, name)


def masked(value: str) -> str:
    """A key as it may be shown: its last four signs after dots, and of a short one nothing."""
    value = value.strip()
    return "••••" + (value[-_SHOWN:] if len(value) >= _LEAST_SHOWN else "")


def find_keyring() -> Keyring | None:
    """The system's keyring, or None when there is none that works. May take a second the first time."""
    try:
        import keyring
        from keyring.backends.fail import Keyring as NoKeyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        backend: Any = keyring.get_keyring()
    except (KeyringError, RuntimeError, OSError, ValueError):
        return None
    return None if isinstance(backend, NoKeyring) else backend


class Secrets:
    """Gets, sets and removes keys by a short name (``fal``). May be used from any thread; calls may block.

    ``file`` is where keys go when there is no keyring; without one a key can't be kept. ``keyring`` finds the
    keyring; None uses none.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        file: Path | None = None,
        *,
        keyring: Callable[[], Keyring | None] | None = find_keyring,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._file = file
        self._find = keyring
        self._keyring: Keyring | None = None
        self._looked = False
        self._lock = threading.RLock()
        self._seen: set[str] = set()
        self._is_learnt = False
        ask_too(self)

    @classmethod
    def at(cls, paths: Paths, environ: Mapping[str, str] | None = None) -> Secrets:
        """The secrets of a person's folders. A portable home keeps its keys inside, so it asks no keyring."""
        return cls(environ, paths.keys_file, keyring=None if paths.portable else find_keyring)

    def get(self, name: str) -> str | None:
        """The key, or None. Raises SettingsError when the keys file is damaged."""
        found = self.find(name)
        return found.value if found else None

    def where(self, name: str) -> Place | None:
        """Where the key comes from, or None when there is none."""
        found = self.find(name)
        return found.place if found else None

    def find(self, name: str) -> Kept | None:
        """The key and where it comes from, or None. Raises SettingsError when the keys file is damaged."""
        found = self._in_environment(name) or self._in_keyring(name) or self._in_file(name)
        if found is not None:
            self._note(found.value)
        return found

    def set(self, name: str, value: str) -> Place:
        """Keep a key, in the keyring where there is one; returns where it went.

        Raises UsageError for a value that can't be a key, StorageError when it can't be kept.
        """
        value = value.strip()
        self._note(value)
        # A key travels in a header, which takes no other signs; a space tells of something pasted around it.
        if not re.fullmatch(f"[!-~]{{1,{MOST_CHARS}}}", value):
            raise UsageError("That is not a key.", fix="Paste the key alone, on one line.")
        name, *old = _names(name)
        with self._lock:
            if self._keep(name, value):
                for each in old:
                    self._delete(each)
                # A copy in the file would outlive a later removal from the keyring.
                self._change_file(dict.fromkeys((name, *old)))
                return "keyring"
            self._change_file({name: value} | dict.fromkeys(old))
            return "file"

    def remove(self, name: str) -> bool:
        """Forget a kept key; True when there was one. A variable in the environment stays."""
        names = _names(name)
        with self._lock:
            gone = [self._delete(each) for each in names]
            return self._change_file(dict.fromkeys(names)) or any(gone)

    def redact(self, text: str) -> str:
        """``text`` without any key that was found or set here so far, or lies in the environment or the file.

        Very short ones are left: they are words. The keyring is not asked, because every line may come through here.
        """
        with self._lock:
            if not self._is_learnt:
                self._is_learnt = True
                self._learn()
            seen = sorted(self._seen, key=len, reverse=True)
        for value in seen:
            text = text.replace(value, "…")
        return text

    # where keys are

    def _in_environment(self, name: str) -> Kept | None:
        own = [(variable(each),) for each in _names(name)]
        for wanted in (*own, *VARIABLES.get(name, ())):
            values = [self._environ.get(each, "").strip() for each in wanted]
            if all(values):
                return Kept(place="environment", variable=" + ".join(wanted), value=":".join(values))
        return None

    def _in_keyring(self, name: str) -> Kept | None:
        with self._lock:
            for each in _names(name):
                if found := self._ask(partial(_password, each), None):
                    return Kept(place="keyring", value=found)
        return None

    def _in_file(self, name: str) -> Kept | None:
        saved = self._read_file()
        value = next((saved[each] for each in _names(name) if saved.get(each)), "")
        return Kept(place="file", value=value) if value else None

    def _note(self, value: str) -> None:
        parts = {part for part in (value, *value.split(":")) if len(part) >= _LEAST_HIDDEN}
        with self._lock:
            self._seen |= parts | {json.dumps(part)[1:-1] for part in parts}

    def _learn(self) -> None:
        """Note the keys that can be had cheaply. Which of them will be needed is not known yet."""
        usual = {name for ways in VARIABLES.values() for way in ways for name in way}
        for name, value in self._environ.items():
            if name in usual or re.fullmatch(r"SILVERPRINT_\w+_KEY", name):
                self._note(value.strip())
        with contextlib.suppress(SettingsError):
            for value in self._read_file().values():
                self._note(value)

    # the keyring

    def _ask(self, question: Callable[[Keyring], _T], otherwise: _T) -> _T:
        """What the keyring says, or ``otherwise`` when there is none or it fails."""
        with self._lock:
            if not self._looked:
                self._keyring = self._find() if self._find else None
                self._looked = True
            if self._keyring is None:
                return otherwise
            try:
                return question(self._keyring)
            except _failures():
                return otherwise

    def _keep(self, name: str, value: str) -> bool:
        def keep(ring: Keyring) -> bool:
            ring.set_password(SERVICE, name, value)
            return True

        return self._ask(keep, False)

    def _delete(self, name: str) -> bool:
        def delete(ring: Keyring) -> bool:
            if ring.get_password(SERVICE, name) is None:
                return False
            ring.delete_password(SERVICE, name)
            return True

        return self._ask(delete, False)

    # the file

    def _read_file(self) -> dict[str, str]:
        if self._file is None:
            return {}
        try:
            if self._file.stat().st_mode & 0o077:
                self._file.chmod(0o600)
            saved = json.loads(self._file.read_bytes() or b"{}")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SettingsError(
                f"{self._file.name} can't be read: {error.strerror or error}.",
                path=self._file,
                fix=f"Make {self._file} a file that only you may read.",
            ) from error
        except (ValueError, RecursionError):
            saved = None
        if not isinstance(saved, dict) or not all(isinstance(value, str) for value in saved.values()):
            # Raised outside the handler: the parser's error would carry the file's text, and that is keys.
            raise SettingsError(
                f"{self._file.name} is damaged.",
                path=self._file,
                fix=f"Delete {self._file} and enter the keys again.",
            )
        return saved

    def _change_file(self, changes: Mapping[str, str | None]) -> bool:
        """Write the changed keys, None takes one out; whether there was one of them before."""
        with _FILE_LOCK, self._alone():
            before = self._read_file()
            after = before | {name: value for name, value in changes.items() if value is not None}
            after = {name: value for name, value in after.items() if changes.get(name, "") is not None}
            if after != before:
                self._write_file(after, next(iter(changes)))
            return any(name in before for name in changes)

    def _write_file(self, saved: Mapping[str, str], name: str) -> None:
        from silverprint.store.atomic import write_atomic

        if self._file is None:
            raise StorageError(
                "There is no keyring to keep the key in.", fix=f"Set {variable(name)} in the environment."
            )
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Created private first: a replaced file keeps its mode, so the keys are never readable to others.
            os.close(os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StorageError(
                f"{self._file.name} could not be written: {error.strerror or error}.",
                path=self._file,
                fix=f"Check that {self._file.parent} may be written to.",
            ) from error
        write_atomic(self._file, json.dumps(saved, indent=1).encode("ascii"))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the file between our reading and our writing of it."""
        folder = None
        if self._file is not None:
            # A file system that can't lock, or a folder that is not there yet, must not keep a key from being set.
            with contextlib.suppress(OSError):
                folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(folder, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if folder is not None:
                os.close(folder)


def _password(name: str, ring: Keyring) -> str | None:
    return ring.get_password(SERVICE, name)


def _names(name: str) -> list[str]:
    """The names a key may be kept under, the present one first."""
    return [name, *(old for old, new in _OLD_NAMES.items() if new == name)]


def _failures() -> tuple[type[Exception], ...]:
    from keyring.errors import KeyringError

    return (KeyringError, RuntimeError, OSError)
