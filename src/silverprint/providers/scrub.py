"""Scrub: takes a key out of what a service answers, and out of what the HTTP libraries log.

A service may tell a key back, in an error, a link or a header. Once it is out of the answer, nobody behind can pass it
on: no ticket, no error, no cache, no result's host. Which key it is comes from ``http.py``.
"""

from __future__ import annotations

import base64
import json
import logging
from functools import lru_cache
from urllib.parse import quote

MARK = "hidden-key"
LEAST_CHARS = 12
"""Shorter ones are words: a server on one's own desk may well have the key ``ollama``."""

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


class Scrub:
    """Replaces a key and its halves by ``hidden-key``: as they are, in lower case, in a URL, in JSON, and in base64."""

    def __init__(self, key: str) -> None:
        forms: set[bytes] = set()
        for part in {key, *key.split(":")}:
            if len(part) < LEAST_CHARS:
                continue
            raw = part.encode()
            forms |= {raw, raw.lower(), quote(part, safe="").encode(), json.dumps(part)[1:-1].encode()}
            for lead in range(3):
                encoded = base64.b64encode(b"-" * lead + raw)
                # The signs at both ends depend on the neighbours as well.
                forms.add(encoded[4 if lead else 0 : len(encoded) // 4 * 4 - 4])
        # Longest first, so that no half stays behind.
        self._forms = sorted(forms, key=len, reverse=True)

    def content(self, data: bytes) -> bytes:
        """``data`` without the key."""
        for form in self._forms:
            # Looking costs a tenth of replacing, and next to no answer has one.
            if form in data:
                data = data.replace(form, MARK.encode())
        return data

    def text(self, text: str) -> str:
        """``text`` without the key."""
        for form in self._forms:
            text = text.replace(form.decode(), MARK)
        return text


class _Hush(logging.Filter):
    """Takes the known keys out of a record. The libraries log addresses, and at DEBUG the headers of answers."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Scrub] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        said = message = record.getMessage()
        for scrub in list(self.known.values()):
            message = scrub.text(message)
        if message != said:
            record.msg, record.args = message, ()
        return True


_hush = _Hush()


@lru_cache(maxsize=64)
def scrub_of(key: str) -> Scrub:
    """The scrub for ``key``; from now on the HTTP libraries' logs are rid of it too."""
    scrub = Scrub(key)
    _hush.known[key] = scrub
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_hush)
    return scrub
