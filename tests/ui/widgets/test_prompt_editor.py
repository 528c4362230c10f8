"""The prompt editor: any script, undo, earlier prompts that lose nothing, marks."""

from __future__ import annotations

import pytest
from textual import events

from silverprint.ui.widgets.prompt_editor import PromptEditor
from tests.ui.hosts import WidgetHost

SCRIPTS = ["лиса в снегу", "雪の中の狐", "a 🦊 and 👩‍👩‍👧", "ثعلب أحمر في الثلج", "e\u0301 combining"]


@pytest.mark.parametrize("text", SCRIPTS)
async def test_any_script_is_typed_unharmed(text: str) -> None:
    async with WidgetHost(PromptEditor()).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        editor.focus()
        for sign in text:
            editor.insert(sign)
        await pilot.press("backspace")
        await pilot.press("ctrl+z")
        assert editor.text == text


async def test_words_are_walked_and_undone() -> None:
    async with WidgetHost(PromptEditor("a red fox")).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        editor.focus()
        await pilot.press("ctrl+left", "b", "i", "g", "space")
        assert editor.text == "a red big fox"
        await pilot.press("ctrl+w")
        await pilot.press("ctrl+z")
        assert editor.text == "a red big fox"
        await pilot.press("enter")
        assert editor.text == "a red big \nfox"


async def test_earlier_prompts_and_back_to_what_was_typed() -> None:
    async with WidgetHost(PromptEditor("half an id")).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        editor.focus()
        editor.set_earlier(["newest", "older"])
        await pilot.press("alt+up")
        assert editor.text == "newest"
        await pilot.press("alt+up", "alt+up", "alt+up")
        assert editor.text == "older"
        await pilot.press("alt+down", "alt+down", "alt+down")
        assert editor.text == "half an id"


async def test_an_earlier_prompt_that_was_changed_is_kept_as_well() -> None:
    async with WidgetHost(PromptEditor("mine")).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        editor.focus()
        editor.set_earlier(["newest", "older"])
        await pilot.press("alt+up", "exclamation_mark")
        assert editor.text == "newest!"
        await pilot.press("alt+up")
        seen = [editor.text]
        for _ in range(4):
            await pilot.press("alt+up")
            seen.append(editor.text)
        for _ in range(6):
            await pilot.press("alt+down")
            seen.append(editor.text)
        assert {"mine", "newest!", "newest", "older"} <= set(seen)


async def test_undo_brings_back_what_an_earlier_prompt_took_the_place_of() -> None:
    async with WidgetHost(PromptEditor("mine")).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        editor.focus()
        editor.set_earlier(["newest"])
        await pilot.press("alt+up", "ctrl+z")
        assert editor.text == "mine"


async def test_what_was_sent_is_the_newest_of_the_past() -> None:
    async with WidgetHost(PromptEditor("sent")).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        editor.focus()
        editor.set_earlier(["older"])
        editor.sent("sent")
        await pilot.press("ctrl+a", "n", "o", "t", "space", "alt+up")
        assert editor.text == "sent"
        await pilot.press("alt+down")
        assert editor.text == "not sent"


async def test_wildcards_and_mistakes_are_marked_in_any_script() -> None:
    async with WidgetHost(PromptEditor("狐 {赤|a}\n__animals__ \\{ {")).run_test() as pilot:
        editor = pilot.app.query_one(PromptEditor)
        first, second = editor._highlights[0], editor._highlights[1]
        line = "狐 {赤|a}".encode()
        assert [line[start:end].decode() for start, end, _kind in first if end is not None] == ["{", "|", "}"]
        assert [kind for _start, _end, kind in second] == ["name", "brace"]
        place = (len(editor.text) - 1, len(editor.text))
        editor.mark(place)
        assert "mistake" in [kind for _start, _end, kind in editor._highlights[1]]
        assert editor.place_words(place) == "line 2, column 16"
        editor.mark(None)
        assert "mistake" not in [kind for _start, _end, kind in editor._highlights[1]]


async def test_keys_ask_for_the_search_the_editor_and_the_spread() -> None:
    kinds = (PromptEditor.SearchWanted, PromptEditor.EditorWanted, PromptEditor.SpreadTurned)
    host = WidgetHost(PromptEditor("x"), *kinds)
    async with host.run_test() as pilot:
        host.query_one(PromptEditor).focus()
        await pilot.press("ctrl+r", "ctrl+e", "alt+w")
        assert [type(message) for message in host.heard] == list(kinds)
        assert host.query_one(PromptEditor).text == "x"


async def test_a_letter_with_alt_is_a_key_and_no_text() -> None:
    app = WidgetHost(PromptEditor("a fox"), PromptEditor.SpreadTurned)
    async with app.run_test() as pilot:
        editor = app.query_one(PromptEditor)
        editor.focus()
        await pilot.pause()
        for letter in "wx":  # as a terminal sends them, with the letter as their text
            app.post_message(events.Key(f"alt+{letter}", letter))
        await pilot.pause()
        assert editor.text == "a fox"
        assert [type(message) for message in app.heard] == [PromptEditor.SpreadTurned]
