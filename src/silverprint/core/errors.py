"""Every error silverprint raises on purpose, each with a sentence for a person and the way out.

SilverprintError
├── UsageError            the words given can't be understood   (.at: place in the text)
├── SettingsError         a settings or theme file is wrong     (.path, .line)
├── StorageError          the disk or the database
│   ├── DiskFull          no room left                          (.path)
│   └── LibraryError      the history
│       ├── LibraryDamaged   the file can't be read             (.path)
│       ├── LibraryBusy      another process holds it too long
│       └── NotFound         no such picture or job
├── PictureError          bytes that are no good picture
└── ProviderError         a model or its service
    ├── KeyMissing  KeyRefused  OutOfCredit  ContentRefused  ModelGone
    ├── RateLimited       (.retry_after_s)
    ├── BadRecipe         (.fields: field -> reason)
    ├── Unreachable       network or process not there; nothing was sent
    ├── AnswerLost        sent, but the answer did not come: it may have been taken
    ├── TicketLost        the service does not know the ticket any more
    └── BadAnswer         an answer of another shape than agreed
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class SilverprintError(Exception):
    """Base of all deliberate errors.

    ``str(error)`` is one plain sentence. ``fix`` says what a person can do, or is empty.
    ``can_retry`` says whether the same call may succeed later without a change.
    """

    can_retry = False
    fix = ""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        if fix is not None:
            self.fix = fix


class UsageError(SilverprintError):
    """Words that can't be understood. ``at`` is the (start, end) of the mistake in the text, if known."""

    def __init__(self, message: str, *, at: tuple[int, int] | None = None, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.at = at


class SettingsError(SilverprintError):
    """A settings, theme or wildcard file that can't be used."""

    def __init__(
        self, message: str, *, path: Path | None = None, line: int | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message, fix=fix)
        self.path = path
        self.line = line


class StorageError(SilverprintError):
    """The disk or the database did not do what it was asked."""

    def __init__(self, message: str, *, path: Path | None = None, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.path = path


class DiskFull(StorageError):
    """No room left on the disk. Nothing that was written before is lost."""

    can_retry = True
    fix = "Free some disk space, then retry the job."


class LibraryError(StorageError):
    """The history can't be used as asked."""


class LibraryDamaged(LibraryError):
    """The database file can't be read."""

    fix = "Run `silverprint rebuild`: the pictures carry their recipes, and the damaged file is kept beside."


class LibraryBusy(LibraryError):
    """Another process held the database for longer than the busy time-out."""

    can_retry = True
    fix = "Wait for the other silverprint to finish, then try again."


class NotFound(LibraryError):
    """No picture or job answers to the given id."""

    fix = "`silverprint ls` lists pictures, `silverprint jobs` lists jobs."


class PictureError(SilverprintError):
    """Bytes that are not a picture we can keep: wrong type, cut short, too large or damaged."""


class ProviderError(SilverprintError):
    """A model or its service could not do the job."""


class KeyMissing(ProviderError):
    """The service needs a key and none is set."""

    fix = "Add a key in Settings (5)."


class KeyRefused(ProviderError):
    """The service does not accept the key."""

    fix = "Check the key in Settings (5)."


class OutOfCredit(ProviderError):
    """The account behind the key has no credit left."""

    fix = "Add credit at the service, then retry."


class ContentRefused(ProviderError):
    """The service's content rules refused the prompt or the picture."""

    fix = "Change the prompt; sending the same again will be refused again."


class ModelGone(ProviderError):
    """The service does not have this model."""

    fix = "Choose another model (ctrl+o)."


class RateLimited(ProviderError):
    """Too many requests. ``retry_after_s`` is the service's own pause in seconds, if it gave one."""

    can_retry = True
    fix = "Wait a little, then retry."

    def __init__(self, message: str, *, retry_after_s: float | None = None, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after_s = retry_after_s


class BadRecipe(ProviderError):
    """The model can't take this recipe. ``fields`` maps our parameter names to the reason."""

    fix = "Correct the marked fields and develop again."

    def __init__(
        self, message: str, *, fields: Mapping[str, str] | None = None, fix: str | None = None
    ) -> None:
        super().__init__(message, fix=fix)
        self.fields = dict(fields or {})


class Unreachable(ProviderError):
    """The service can't be reached. Nothing was sent, so trying again is safe."""

    can_retry = True
    fix = "Check the network or the address in Settings (5), then retry."


class AnswerLost(ProviderError):
    """The request may have been taken, but its answer did not arrive."""

    fix = "Look at the service's own list of jobs before sending it again."


class TicketLost(ProviderError):
    """The service no longer knows the ticket: the result has expired or was deleted."""

    fix = "Retry to make it again; the service may charge for it again."


class BadAnswer(ProviderError):
    """The service answered in a shape that was not agreed."""

    can_retry = True
    fix = "Retry; if it stays, update silverprint."
