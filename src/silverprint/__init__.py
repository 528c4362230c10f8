"""silverprint: the terminal studio for AI images. Importing this package costs nothing."""

from silverprint._version import __version__

__all__ = ["__version__"]
