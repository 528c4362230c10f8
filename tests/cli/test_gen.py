"""`gen`: what is sent, what is printed, where copies go, and the exit codes."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ContentRefused,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    SilverprintError,
)
from silverprint.testing import FakeProvider
from tests.cli.conftest import MODEL, Cli

SCRIPTS = [
    "рыжая лиса в снегу",
    "雪の中の狐",
    "눈 속의 여우",
    "ثعلب أحمر في الثلج",
    "שועל אדום בשלג",
    "🦊👩‍🚀🏳️‍🌈 e\u0301 ﬁ",
    "line one\nline two\ttab",
]


def test_json_tells_the_job_its_steps_and_the_picture(cli: Cli) -> None:
    ran = cli.gen("a red fox", "--seed", "7", "--json", "--set", "steps=3")
    assert ran.code == 0
    assert [record["state"] for record in ran.events("job")] == [
        "waiting",
        "sending",
        "running",
        "saving",
        "done",
    ]
    assert ran.events("progress")[-1] | {"job": ""} == {
        "event": "progress", "job": "", "state": "working", "step": 3, "steps": 3, "fraction": 1.0, "note": "",
    }  # fmt: skip
    (picture,) = ran.events("picture")
    assert ran.records[-1] == picture
    assert (picture["seed"], picture["model"], picture["provider"]) == (7, MODEL, "fake")
    assert picture["grade"] == "bit-exact here"
    assert {"seconds", "price_usd", "id", "made", "rating", "tags", "job"} <= picture.keys()
    path = Path(picture["path"])
    assert picture["sha256"] == sha256(path.read_bytes()).hexdigest()
    with Image.open(path) as image:
        assert picture["pixels_sha256"] == sha256(image.convert("RGB").tobytes()).hexdigest()


def test_without_json_stdout_is_the_path_alone(cli: Cli) -> None:
    ran = cli.gen("a red fox")
    assert Path(ran.out.removesuffix("\n")).is_file()
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("prompt", SCRIPTS)
def test_any_script_passes_unharmed(cli: Cli, prompt: str) -> None:
    made = cli.make(prompt, "--negative", prompt)
    assert (made["prompt"], made["negative"]) == (prompt, prompt)
    (listed,) = cli("ls", "--json").records
    assert (listed["prompt"], listed["negative"]) == (prompt, prompt)
    assert prompt.partition("\n")[0] in cli("show").out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyRefused("no"), 4),
        (OutOfCredit("no"), 4),
        (ContentRefused("no"), 4),
        (ModelGone("no"), 1),
        (BadRecipe("no", fields={"steps": "no"}), 1),
    ],
)
def test_a_failed_job_gives_its_own_exit_code(cli: Cli, error: SilverprintError, code: int) -> None:
    def fake() -> FakeProvider:
        provider = FakeProvider()
        provider.fail("submit", error)
        return provider

    cli.fake = fake
    ran = cli.gen("a fox", "--json")
    assert ran.code == code
    (failed,) = ran.events("failed")
    assert (failed["kind"], failed["message"]) == (type(error).__name__, "no")
    assert failed["fix"] in ran.err
    assert ran.events("picture") == []


def test_one_failure_of_several_does_not_hide_the_pictures(cli: Cli) -> None:
    def fake() -> FakeProvider:
        provider = FakeProvider()
        provider.fail("watch", BadAnswer("odd"), times=1)
        return provider

    cli.fake = fake
    ran = cli.gen("a fox", "--json", "--count", "3")
    assert ran.code in (0, 1)
    assert len(ran.events("picture")) + len(ran.events("failed")) == 3
    assert len(ran.events("picture")) >= 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--set", "steps=900"], "a whole number from 1 to 50, not 900"),
        (["--set", "steps"], "write it as NAME=VALUE"),
        (["--set", "stesp=3"], "did you mean steps"),
        (["--set", "size=10x10"], "one of 64x64"),
        (["--image", "x.png"], "--image: this model takes none"),
        (["--mask", "x.png"], "--mask"),
        (["--strength", "0.5"], "--strength: needs --image"),
        (["--seed", "99999999999"], "seed"),
        (["--seed", "-1"], "seed"),
        (["--count", "0"], "count"),
        (["--out", "x.gif"], ".gif"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_sent(cli: Cli, args: list[str], said: str) -> None:
    ran = cli.gen("a fox", *args)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""
    assert cli.sent == 0
    assert cli("jobs", "--all", "--json").records == []


def test_every_mistake_is_named_at_once(cli: Cli) -> None:
    ran = cli.gen("a fox", "--set", "steps=0", "--set", "guidance=loud")
    assert "--set steps" in ran.err
    assert "--set guidance" in ran.err


def test_an_unknown_model_suggests_near_ones(cli: Cli) -> None:
    for name in ("fake:fkae", "fkae", "nobody:fake2"):
        ran = cli("gen", "a fox", "--model", name)
        assert ran.code == 2
        assert MODEL in ran.err


def test_a_model_may_be_named_by_a_part(cli: Cli) -> None:
    ran = cli("gen", "a fox", "--model", "FAKE", "--json")
    assert ran.events("picture")[0]["model"] == MODEL


def test_the_settings_name_the_model(cli: Cli, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text(f'default_model = "{MODEL}"\n')
    assert cli("gen", "a fox").code == 0


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--seed", "7", "--count", "3"], [7, 8, 9]),
        (["--seed", "7", "--count", "3", "--seed-mode", "locked"], [7, 7, 7]),
        (["--seed", "7"], [7]),
        (["--seed", "4294967295", "--count", "2"], [4294967295, 0]),
        (["--seed", "7", "--seed-mode", "step", "--count", "2"], [7, 8]),
    ],
)
def test_seeds_of_a_batch(cli: Cli, args: list[str], expected: list[int]) -> None:
    recipes = cli.gen("a fox", *args, "--dry-run", "--json").events("recipe")
    assert [recipe["seed"] for recipe in recipes] == expected


def test_random_seeds_differ(cli: Cli) -> None:
    for args in (["--count", "5"], ["--count", "5", "--seed", "7", "--seed-mode", "random"]):
        recipes = cli.gen("a fox", *args, "--dry-run", "--json").events("recipe")
        assert len({recipe["seed"] for recipe in recipes}) == 5


def test_a_dry_run_sends_nothing_and_queues_nothing(cli: Cli) -> None:
    ran = cli.gen("a {red|blue} fox", "--all", "--dry-run", "--json", "--set", "steps=4", "--seed", "1")
    assert ran.code == 0
    assert [record["prompt"] for record in ran.events("recipe")] == ["a red fox", "a blue fox"]
    assert {record["event"] for record in ran.records} == {"recipe", "price"}
    assert ran.records[0]["template"] == "a {red|blue} fox"
    assert ran.records[0]["params"] == {"steps": 4, "guidance": 4.0, "size": "64x64"}
    assert cli.sent == 0
    assert cli("jobs", "--all", "--json").records == []


def test_wildcard_lists_come_from_the_wildcards_folder(cli: Cli, home: Path) -> None:
    folder = home / "config" / "wildcards"
    folder.mkdir(parents=True)
    (folder / "animals.txt").write_text("fox\nсова\n")
    ran = cli.gen("a __animals__", "--all", "--dry-run", "--json")
    assert [record["prompt"] for record in ran.events("recipe")] == ["a fox", "a сова"]


def test_a_broken_template_is_refused_with_its_place(cli: Cli) -> None:
    ran = cli.gen("a {red|blue fox")
    assert ran.code == 2
    assert "^" in ran.err
    assert cli.sent == 0


def test_the_prompt_comes_from_stdin_or_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("лиса\nв снегу\n", encoding="utf-8")

    def prompt(*args: str, **how: Any) -> str:
        return str(cli.gen(*args, "--dry-run", "--json", **how).records[0]["prompt"])

    assert prompt("@prompt.txt") == "лиса\nв снегу"
    assert prompt("-", stdin="狐\r\n".encode()) == "狐"
    assert prompt("@@home") == "@home"
    assert cli.gen("@missing.txt").code == 2
    assert cli.gen("-", stdin=b"\xff\xfe").code == 2
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    assert "UTF-8" in cli.gen("@latin.txt").err


def test_an_argument_in_bytes_is_read_as_utf8(cli: Cli) -> None:
    as_read_under_the_c_locale = "狐".encode().decode("ascii", "surrogateescape")
    assert cli.gen(as_read_under_the_c_locale, "--dry-run", "--json").records[0]["prompt"] == "狐"
    assert cli.gen("\udcff", "--dry-run").code == 2


def test_an_empty_prompt_is_refused(cli: Cli) -> None:
    assert cli.gen("  ").code == 2
    assert cli.sent == 0


def test_out_copies_and_never_replaces_unasked(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "fox.png"
    target.write_bytes(b"mine")
    ran = cli.gen("a fox", "--out", "fox.png", "--count", "2", "--json")
    copies = [Path(record["copy"]).name for record in ran.events("picture")]
    assert copies == ["fox-2.png", "fox-3.png"]
    assert target.read_bytes() == b"mine"
    assert (tmp_path / "fox-2.png").read_bytes() == Path(ran.events("picture")[0]["path"]).read_bytes()


def test_force_replaces_what_was_there_but_no_picture_of_the_same_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(b"old")
    ran = cli.gen("a fox", "--out", "fox.png", "--force", "--count", "2", "--seed", "1", "--json")
    first, second = ran.events("picture")
    assert Path(first["copy"]).name == "fox.png"
    assert (tmp_path / "fox.png").read_bytes() == Path(first["path"]).read_bytes()
    assert Path(second["copy"]).read_bytes() == Path(second["path"]).read_bytes()


def test_out_takes_a_folder_a_pattern_and_a_format(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert Path(cli.gen("a fox", "--out", "there").out.strip()).parent == Path("there")
    assert Path(cli.gen("a fox", "--out", "new/").out.strip()).parent == Path("new")
    made = cli.gen("a fox", "--out", "by/{seed}/{provider}.webp", "--seed", "5").out.strip()
    assert made == "by/5/fake.webp"
    with Image.open(tmp_path / made) as image:
        assert image.format == "WEBP"


def test_a_copy_that_fails_leaves_the_picture_in_the_library(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = cli.gen("a fox", "--out", "file/fox.png", "--json")
    assert ran.code == 1
    assert "not copied" in ran.err
    assert Path(ran.events("picture")[0]["path"]).is_file()


def test_help_lists_what_the_model_takes(cli: Cli) -> None:
    for args in (["--help", "--model", MODEL], ["-m", MODEL, "--help"], [f"--model={MODEL}", "--help"]):
        ran = cli("gen", *args)
        assert ran.code == 0
        assert "--set guidance=X" in ran.out
        assert "1 to 50, default 3" in ran.out
    assert "--set" not in cli("gen", "--help").out.partition("--set NAME=VALUE")[2]
    assert cli("gen", "--help", "--model", "nobody:x").code == 2


def test_sources_are_kept_by_hash_with_their_strength(cli: Cli, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    Image.new("L", (16, 16), 255).save(tmp_path / "mask.png")
    args = ["gen", "a red apple", "--model", "pocket:pocket", "--image", "red.png", "--dry-run", "--json"]
    ran = cli(*args, "--mask", "mask.png", "--strength", "0.3", providers=None)
    image, mask = ran.records[0]["sources"]
    assert (image["role"], image["strength"], image["name"]) == ("image", 0.3, "red.png")
    assert image["sha256"] == sha256((tmp_path / "red.png").read_bytes()).hexdigest()
    assert (mask["role"], mask["strength"]) == ("mask", None)
    assert "from 0.05 to 1" in cli(*args, "--strength", "2", providers=None).err
    missing = cli("gen", "x", "--model", "pocket:pocket", "--image", "gone.png", "--dry-run", providers=None)
    assert missing.code == 2
    (tmp_path / "text.png").write_text("no picture")
    bad = cli("gen", "x", "--model", "pocket:pocket", "--image", "text.png", "--dry-run", providers=None)
    assert bad.code == 2
    assert "Traceback" not in bad.err


def test_escape_codes_in_a_prompt_reach_no_terminal(cli: Cli) -> None:
    prompt = "a \x1b[31mred\x1b[0m fox \x9b2J \u202e"
    made = cli.gen(prompt, "--json")
    assert "\x1b" not in made.out + made.err
    assert "\x9b" not in made.out
    assert json.loads(made.out.splitlines()[-1])["prompt"] == prompt
    for args in (["ls"], ["show"], ["jobs", "--all"], ["ls", "--json"]):
        ran = cli(*args)
        assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out + ran.err)


def test_an_image_that_is_no_ordinary_file_is_refused_at_once(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("pipe", os.devnull, str(tmp_path)):
        ran = cli("gen", "x", "--model", "pocket:pocket", "--image", path, "--dry-run", providers=None)
        assert (ran.code, ran.out) == (1, "")
        assert "it is no ordinary file" in ran.err or "it is a folder" in ran.err


def test_a_recipe_says_the_strength_that_is_used(cli: Cli, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    ran = cli(
        "gen", "x", "--model", "pocket:pocket", "--image", "red.png", "--dry-run", "--json", providers=None
    )
    form = cli("models", "show", "pocket:pocket", "--json", providers=None).records[0]["form"]
    (default,) = [one["strength"]["default"] for one in form["sources"] if one["strength"]]
    assert ran.records[0]["sources"][0]["strength"] == default


@pytest.mark.parametrize("out", ["{bogus}.png", "{bogus}/", "a/{seed}/{bogus}-{number}"])
def test_a_mistake_in_out_is_told_before_anything_is_sent(cli: Cli, out: str) -> None:
    ran = cli.gen("a red fox", "--out", out)
    assert (ran.code, cli.sent) == (2, 0)
    assert "{bogus}" in ran.err


def test_a_mistake_is_marked_in_the_prompt_wherever_it_stands(cli: Cli) -> None:
    ran = cli("gen", "--count", "3", "--model", MODEL, "a {red fox", "--dry-run")
    _, text, mark, *_ = ran.err.splitlines()
    assert (text, mark) == ("  a {red fox", "    ^")
    ran = cli.gen("a fox", "--out", "some/{seed}-{bogus}.png")
    _, text, mark, *_ = ran.err.splitlines()
    assert (text[mark.index("^") : mark.rindex("^") + 1], ran.code) == ("{bogus}", 2)


def test_an_input_over_the_limit_says_which_setting_to_raise(cli: Cli, tmp_path: Path, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("[limits]\nmax_pixels = 10000\n")
    Image.new("RGB", (101, 100)).save(tmp_path / "large.png")
    ran = cli("gen", "x", "--model", "pocket:pocket", "--image", "large.png", "--dry-run", providers=None)
    assert (ran.code, "limits.max_pixels" in ran.err) == (2, True)
