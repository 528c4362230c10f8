"""Base addresses, the table from status to error, and what is read out of error bodies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ContentRefused,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
    RateLimited,
    SettingsError,
    TicketLost,
    Unreachable,
)
from silverprint.providers.address import check_base, is_public, may_be_private, resolved
from silverprint.providers.answers import Answer, error_of, fields_of, retry_after_s, words_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(
        status=status,
        content=content,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        title="Cloud",
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://api.replicate.com",
        "https://api.bfl.ai/",
        "http://127.0.0.1:9001",
        "http://localhost:9001/v1",
        "http://[::1]:80",
        "http://10.1.2.3",
        "http://gpubox:8000",
        "http://box.local",
    ],
)
def test_addresses_that_may_be_used(url: str) -> None:
    assert check_base(url, where="providers.x.url") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.replicate.com",
        "http://93.184.216.34",
        "http://[2606:2800::1]",
        "http://[::ffff:8.8.8.8]",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://me:secret@host",
        "https://host/?key=1",
        "https://",
        "nonsense",
        "https://ho st",
        "https://host\x1b[31m",
        "",
        None,
        7,
    ],
)
def test_addresses_that_may_not(url: object) -> None:
    with pytest.raises(SettingsError) as caught:
        check_base(url, where="providers.x.url")
    assert "providers.x.url" in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.9.9", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2606:4700::1", True),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_names_that_can_be_private() -> None:
    assert may_be_private("localhost")
    assert may_be_private("gpubox.lan")
    assert not may_be_private("gpubox.example.com")


@pytest.mark.parametrize(
    ("status", "creating", "asking"),
    [
        (302, Unreachable, Unreachable),
        (400, BadRecipe, BadRecipe),
        (401, KeyRefused, KeyRefused),
        (402, OutOfCredit, OutOfCredit),
        (403, KeyRefused, KeyRefused),
        (404, ModelGone, TicketLost),
        (408, AnswerLost, Unreachable),
        (409, ProviderError, ProviderError),
        (410, ModelGone, TicketLost),
        (413, BadRecipe, BadRecipe),
        (418, ProviderError, ProviderError),
        (422, BadRecipe, BadRecipe),
        (429, RateLimited, RateLimited),
        (451, ContentRefused, ContentRefused),
        (500, AnswerLost, Unreachable),
        (502, AnswerLost, Unreachable),
        (503, RateLimited, RateLimited),
        (504, AnswerLost, Unreachable),
    ],
)
def test_the_table_of_statuses(status: int, creating: type, asking: type) -> None:
    made = error_of(answer(status, {"detail": "so it is"}), creates=True)
    asked = error_of(answer(status, {"detail": "so it is"}), creates=False)
    assert type(made) is creating
    assert type(asked) is asking
    assert "Cloud" in str(made)
    if status != 302:
        assert "so it is" in str(made)


def test_an_adapters_own_reading_wins() -> None:
    def explain(found: Answer) -> ProviderError | None:
        return OutOfCredit("empty") if "balance" in words_of(found) else None

    assert (
        type(error_of(answer(403, {"detail": "Exhausted balance"}), creates=True, explain=explain))
        is OutOfCredit
    )
    assert type(error_of(answer(403, {"detail": "no"}), creates=True, explain=explain)) is KeyRefused


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "plain"}, "plain"),
        ({"detail": [{"loc": ["body", "width"], "msg": "too wide"}]}, "width: too wide"),
        ({"error": {"message": "no such model", "code": 1}}, "no such model"),
        ({"error": "text"}, "text"),
        ({"error": "no_credits", "message": "You have no credits left."}, "You have no credits left."),
        ({"title": "Unauthenticated"}, "Unauthenticated"),
        ([{"detail": "in a list"}], "in a list"),
        ("just a text", "just a text"),
        ({}, ""),
        ({"detail": None}, ""),
        (None, ""),
        (7, ""),
        (b"<!doctype html><html>proxy</html>", ""),
        (b"plain \x1b[31mtext", "plain \ufffd[31mtext"),
        (b"", ""),
        (b"[" * 100_000, None),
    ],
)
def test_words_of_error_bodies(body: Any, words: str | None) -> None:
    found = words_of(answer(500, body))
    assert len(found) <= 301
    if words is not None:
        assert found == words


def test_fields_of_a_422() -> None:
    body = {"detail": [{"loc": ["body", "input", "width"], "msg": "too wide"}, {"loc": [], "msg": "?"}, 7]}
    assert fields_of(answer(422, body)) == {"width": "too wide"}
    assert fields_of(answer(422, [1])) == {}


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (answer(429, {}, retry_after="7"), 7.0),
        (answer(429, {}, retry_after="1.5"), 1.5),
        (answer(429, {}, retry_after="Sun, 22 Nov 2026 12:00:30 GMT"), 30.0),
        (answer(429, {}, retry_after="Sun, 22 Nov 2026 11:00:00 GMT"), 0.0),
        (answer(429, {}, retry_after_ms="250"), 0.25),
        (answer(429, {}, retry_after="soon"), None),
        (answer(429, {}, retry_after="inf"), None),
        (answer(429, {}, retry_after="-5"), 0.0),
        (answer(429, {"retry_after": 12}), 12.0),
        (answer(429, {"detail": "Request was throttled. Your rate limit resets in ~30s."}), 30.0),
        (answer(429, {"retry_after": True}), None),
        (answer(429, b'{"retry_after": 1' + b"0" * 400 + b"}"), None),
        (answer(429, b'{"retry_after": 1e999}'), None),
        (answer(429, b"<html>"), None),
    ],
)
def test_the_pause_a_service_asks_for(found: Answer, seconds: float | None) -> None:
    assert retry_after_s(found, now=NOW) == seconds


@given(status=st.integers(300, 599), body=st.binary(max_size=300), retry=st.text(max_size=20))
def test_no_error_answer_breaks_the_reader(status: int, body: bytes, retry: str) -> None:
    found = Answer(status=status, content=body, headers={"retry-after": retry}, title="Cloud")
    for creates in (True, False):
        error = error_of(found, creates=creates)
        assert str(error)
        assert "\x1b" not in str(error)


def test_numbers_that_no_sum_can_hold_are_not_there() -> None:
    body = (
        b'{"a": 1'
        + b"0" * 400
        + b', "b": -1e999, "c": NaN, "d": Infinity, "e": 18446744073709551615, "f": 1.5}'
    )
    wanted = {"a": None, "b": None, "c": None, "d": None, "e": 2**64 - 1, "f": 1.5}
    assert answer(200, body).object() == wanted
    assert answer(200, body).body() == wanted


def test_a_link_that_can_be_no_address_stays_what_it_is() -> None:
    assert resolved("https://a.example/x/", "y") == "https://a.example/x/y"
    assert resolved("https://a.example/x/", "https://b.example/z") == "https://b.example/z"
    assert resolved("https://a.example/x/", "//[bad/z") == "//[bad/z"


def test_a_page_instead_of_json_is_named() -> None:
    with pytest.raises(BadAnswer, match="web page"):
        answer(200, b"<html><body>login</body></html>").json()
    with pytest.raises(BadAnswer):
        answer(200, [1]).object()
