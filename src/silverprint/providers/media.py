"""Media: what a picture's bytes are, told by their beginning (WHATWG MIME Sniffing, 6.1). Decodes nothing."""

from __future__ import annotations


def media_type_of(data: bytes) -> str:
    """``image/png``, ``image/jpeg``, ``image/webp`` or ``image/gif``; else ``application/octet-stream``."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "application/octet-stream"
