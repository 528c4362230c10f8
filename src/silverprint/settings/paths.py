"""Paths: where silverprint keeps its files. It looks at names and folders only and opens no file.

``SILVERPRINT_HOME`` puts everything under one folder; without it the system's own places are used.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from silverprint.core.errors import DiskFull, SettingsError, StorageError

if TYPE_CHECKING:
    from silverprint.settings.model import Settings

HOME_VARIABLE = "SILVERPRINT_HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The four folders, and what lies in them.

    ``pictures_folder`` and ``wildcards_folder`` are set when the settings move those two elsewhere.
    ``portable`` is true under SILVERPRINT_HOME: then nothing is kept outside, not even in a keyring.
    """

    config: Path
    data: Path
    cache: Path
    state: Path
    pictures_folder: Path | None = None
    wildcards_folder: Path | None = None
    portable: bool = False

    @property
    def settings_file(self) -> Path:
        """The settings, as TOML."""
        return self.config / "settings.toml"

    @property
    def keys_file(self) -> Path:
        """The services' keys, where there is no keyring. Mode 0600."""
        return self.config / "keys.json"

    @property
    def themes(self) -> Path:
        """The person's own themes."""
        return self.config / "themes"

    @property
    def wildcards(self) -> Path:
        """The lists behind ``__name__``."""
        return self.wildcards_folder or self.config / "wildcards"

    @property
    def database(self) -> Path:
        """The history: jobs and pictures."""
        return self.data / "history.sqlite3"

    @property
    def pictures(self) -> Path:
        """The finished pictures, a folder a day."""
        return self.pictures_folder or self.data / "pictures"

    @property
    def incoming(self) -> Path:
        """Received outputs that are not pictures of the library yet."""
        return self.data / "incoming"

    @property
    def inputs(self) -> Path:
        """Copies of the pictures that recipes use as inputs, named by hash."""
        return self.data / "inputs"

    @property
    def thumbs(self) -> Path:
        """Small copies; may be deleted at any time."""
        return self.cache / "thumbs"

    @property
    def draft(self) -> Path:
        """What was on the Studio screen last."""
        return self.state / "draft.json"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.state / "logs"

    @property
    def owners(self) -> Path:
        """One lock file for each running process."""
        return self.state / "owners"


def find_paths(environ: Mapping[str, str]) -> Paths:
    """The folders for this person. Nothing is created.

    Raises SettingsError when SILVERPRINT_HOME names a file.
    """
    if home := environ.get(HOME_VARIABLE, "").strip():
        folder = Path(home).expanduser().absolute()
        if folder.is_file():
            raise SettingsError(
                f"{HOME_VARIABLE} names a file, not a folder: {folder}.",
                path=folder,
                fix=f"Set {HOME_VARIABLE} to a folder, or unset it.",
            )
        return Paths(
            config=folder / "config",
            data=folder / "data",
            cache=folder / "cache",
            state=folder / "state",
            portable=True,
        )
    # Imported here because it costs time before the first paint, and a home of one's own needs none of it.
    from platformdirs import PlatformDirs

    places = PlatformDirs("silverprint", appauthor=False)
    return Paths(
        config=places.user_config_path,
        data=places.user_data_path,
        cache=places.user_cache_path,
        state=places.user_state_path,
    )


def move_folders(paths: Paths, settings: Settings) -> Paths:
    """The paths with the pictures and wildcards folders where the settings put them."""
    return replace(
        paths, pictures_folder=settings.pictures_folder, wildcards_folder=settings.wildcards_folder
    )


def ensure(paths: Paths) -> None:
    """Create the folders that hold what may not be lost. They are readable for their owner only.

    Raises DiskFull, or StorageError for a folder that can't be created.
    """
    for folder in (
        paths.config,
        paths.data,
        paths.cache,
        paths.state,
        paths.pictures,
        paths.incoming,
        paths.inputs,
        paths.logs,
        paths.owners,
    ):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"There is no room left to create {folder}.", path=folder) from error
            raise StorageError(
                f"{folder} could not be created: {error.strerror or error}.",
                path=folder,
                fix=f"Make {folder.parent} writable, or set {HOME_VARIABLE} to a folder that is.",
            ) from error


def theme_folders(paths: Paths) -> list[Path]:
    """Where themes are looked for, the first find wins: the person's, then those that came along."""
    package = Path(__file__).parents[1]
    packed = package / "themes"
    return [paths.themes, packed if packed.is_dir() else package.parents[1] / "themes"]
