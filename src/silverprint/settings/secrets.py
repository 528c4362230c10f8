"""Secrets: the services' keys. Looked for in the environment, then the keyring, then a file of mode 0600.

Keys are never shown, logged or put into an error. The keyring is imported when the environment has no key.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from silverprint.core.errors import SettingsError, StorageError, UsageError

if TYPE_CHECKING:
    from silverprint.settings.paths import Paths

Place = Literal["environment", "keyring", "file"]

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "replicate": ("REPLICATE_API_TOKEN",),
    "fal": ("FAL_KEY",),
    "bfl": ("BFL_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "huggingface": ("HF_TOKEN",),
    "openai": ("OPENAI_API_KEY",),
    "civitai": ("CIVITAI_API_TOKEN",),
    "comfyui": ("COMFY_API_KEY",),
}

SERVICE = "silverprint"


class Keyring(Protocol):
    """The part of the keyring package that is used. Each may raise RuntimeError or OSError."""

    def get_password(self, service: str, name: str) -> str | None: ...
    def set_password(self, service: str, name: str, value: str) -> None: ...
    def delete_password(self, service: str, name: str) -> None: ...


def variable(name: str) -> str:
    """Our own variable for a key: ``fal`` -> ``SILVERPRINT_FAL_KEY``. It wins over the service's own."""
    return "SILVERPRINT_" + re.sub(r"\W+", "_", name.upper()) + "_KEY"


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

    @classmethod
    def at(cls, paths: Paths, environ: Mapping[str, str] | None = None) -> Secrets:
        """The secrets of a person's folders. A portable home keeps its keys inside, so it asks no keyring."""
        return cls(environ, paths.keys_file, keyring=None if paths.portable else find_keyring)

    def get(self, name: str) -> str | None:
        """The key, or None. Raises SettingsError when the keys file is damaged."""
        found = self._look(name)
        return found[1] if found else None

    def where(self, name: str) -> Place | None:
        """Where the key comes from, or None when there is none."""
        found = self._look(name)
        return found[0] if found else None

    def set(self, name: str, value: str) -> Place:
        """Keep a key, in the keyring where there is one; returns where it went.

        Raises UsageError for a value that can't be a key, StorageError when it can't be kept.
        """
        value = value.strip()
        if not value or not value.isprintable() or len(value) > 4_000:
            raise UsageError("That is not a key.", fix="Paste the key alone, on one line.")
        backend = self._backend()
        if backend is not None:
            try:
                backend.set_password(SERVICE, name, value)
            except _failures():
                pass
            else:
                # A copy in the file would outlive a later removal from the keyring.
                self._change_file(name, None)
                return "keyring"
        self._change_file(name, value)
        return "file"

    def remove(self, name: str) -> bool:
        """Forget a kept key; True when there was one. A variable in the environment stays."""
        removed = False
        backend = self._backend()
        if backend is not None:
            try:
                if backend.get_password(SERVICE, name) is not None:
                    backend.delete_password(SERVICE, name)
                    removed = True
            except _failures():
                pass
        return self._change_file(name, None) or removed

    def _look(self, name: str) -> tuple[Place, str] | None:
        for wanted in (variable(name), *VARIABLES.get(name, ())):
            if value := self._environ.get(wanted, "").strip():
                return "environment", value
        backend = self._backend()
        if backend is not None:
            try:
                kept = backend.get_password(SERVICE, name)
            except _failures():
                kept = None
            if kept:
                return "keyring", kept
        value = self._read_file().get(name, "")
        return ("file", value) if value else None

    def _backend(self) -> Keyring | None:
        if not self._looked:
            self._keyring = self._find() if self._find else None
            self._looked = True
        return self._keyring

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

    def _change_file(self, name: str, value: str | None) -> bool:
        saved = self._read_file()
        had = name in saved
        if value is None and not had:
            return False
        if self._file is None:
            raise StorageError(
                "There is no keyring to keep the key in.", fix=f"Set {variable(name)} in the environment."
            )
        if value is None:
            del saved[name]
        else:
            saved[name] = value
        from silverprint.store.atomic import write_atomic

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
        return had


def _failures() -> tuple[type[Exception], ...]:
    from keyring.errors import KeyringError

    return (KeyringError, RuntimeError, OSError)
