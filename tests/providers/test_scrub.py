"""A key that a service tells back is taken out of its answer in every form, and out of the libraries' logs."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

import pytest

from silverprint.providers.scrub import LEAST_CHARS, MARK, Scrub, scrub_of

KEY = "Id-0123456789/+ab:Secret-9876543210"
ID, SECRET = KEY.split(":")


@pytest.mark.parametrize(
    "told",
    [
        KEY,
        ID,
        SECRET,
        KEY.lower(),
        quote(KEY, safe=""),
        quote(SECRET, safe=""),
        json.dumps({"error": f"{KEY} is wrong"}),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"Key {KEY} and more".encode()).decode(),
        base64.b64encode(f"id={SECRET}&x=1".encode()).decode(),
    ],
)
def test_no_form_of_the_key_stays(told: str) -> None:
    answer = f"before {told} behind"
    scrub = Scrub(KEY)
    for said in (scrub.text(answer), scrub.content(answer.encode()).decode()):
        assert said.startswith("before ")
        assert said.endswith(" behind")
        assert MARK in said
        for part in (KEY, ID, SECRET, told):
            assert part not in said
    assert Scrub("another-key-0123456789").text(answer) == answer


def test_a_short_key_is_a_word_and_stays() -> None:
    assert Scrub("ollama").text("the server ollama") == "the server ollama"
    assert Scrub("").content(b"anything") == b"anything"
    assert len("ollama") < LEAST_CHARS


def test_the_libraries_logs_lose_it_too(caplog: pytest.LogCaptureFixture) -> None:
    scrub_of(KEY)
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore.http11", "httpcore.connection"):
            logging.getLogger(name).debug("receive_response_headers %r", [(b"x-you-sent", KEY.encode())])
        logging.getLogger("httpx").info("HTTP Request: %s", "GET https://service/jobs")
    assert KEY not in caplog.text
    assert SECRET not in caplog.text
    assert caplog.text.count(MARK) == 3
    assert "HTTP Request: GET https://service/jobs" in caplog.text
