"""`ls`, `show`, `rate`, `tag`, `trash`, `restore`, `export`, `redo` and `rebuild`."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from PIL import Image

from silverprint.testing import FakeProvider
from tests.cli.conftest import Cli

NEEDED = {
    "id", "path", "sha256", "pixels_sha256", "prompt", "seed", "model", "provider", "rating", "tags", "made", "job",
    "grade",
}  # fmt: skip


def test_ls_and_show_carry_what_scripts_stand_on(cli: Cli) -> None:
    made = cli.make("a fox", "--seed", "3")
    (listed,) = cli("ls", "--json").records
    (shown,) = cli("show", made["id"], "--json").records
    assert listed.keys() >= NEEDED
    assert shown.keys() >= NEEDED | {"recipe"}
    assert shown["recipe"]["params"]["steps"] == 3
    assert {key: shown[key] for key in listed} == listed
    assert {key: made[key] for key in NEEDED} == {key: listed[key] for key in NEEDED}


def test_ls_is_newest_first_and_takes_pages(cli: Cli) -> None:
    for name in ("one", "two", "three"):
        cli.make(name)

    def prompts(*args: str) -> list[str]:
        return [record["prompt"] for record in cli("ls", "--json", *args).records]

    assert prompts() == ["three", "two", "one"]
    assert prompts("--limit", "1") == ["three"]
    assert prompts("--limit", "0", "--offset", "1") == ["two", "one"]
    assert prompts("--reverse") == ["one", "two", "three"]
    assert cli("ls", "--count", "--json").records == [{"count": 3}]
    assert cli("ls", "--count", "two").out == "1\n"


def test_ls_in_a_pipe_is_tab_separated_with_the_path_last(cli: Cli) -> None:
    made = cli.make("a fox\twith a tab")
    (line,) = cli("ls").out.splitlines()
    assert line.split("\t")[0] == made["id"]
    assert line.split("\t")[-1] == made["path"]
    assert line.count("\t") == 6


def test_ls_searches_and_marks_a_mistake(cli: Cli) -> None:
    cli.make("a red fox")
    cli.make("a blue cat")
    assert [record["prompt"] for record in cli("ls", "fox", "--json").records] == ["a red fox"]
    assert [record["prompt"] for record in cli("ls", "--json", "--", "-fox").records] == ["a blue cat"]
    ran = cli("ls", "fox", "rating:>=9")
    assert (ran.code, ran.out) == (2, "")
    text, mark = ran.err.splitlines()[1:3]
    assert text[mark.index("^") : mark.rindex("^") + 1] == ">=9"


def test_an_empty_library_teaches(cli: Cli) -> None:
    ran = cli("ls")
    assert (ran.code, ran.out) == (0, "")
    assert "silverprint gen" in ran.err
    assert cli("ls", "--json").out == ""
    assert cli("show").code == 2


def test_rate_tag_trash_restore(cli: Cli) -> None:
    one, two = cli.make("one"), cli.make("two")
    ran = cli("rate", "last", "~1", "4", "--json")
    assert [(record["id"], record["rating"]) for record in ran.records] == [(two["id"], 4), (one["id"], 4)]
    cli("tag", one["id"], "+Fox", "low sun", "draft")
    cli("tag", one["id"], "-draft")
    assert cli("tag", one["id"]).out == "fox\nlow sun\n"
    assert cli("ls", "--json", 'tag:"low sun"').records[0]["id"] == one["id"]
    cli("trash", two["id"])
    assert [record["id"] for record in cli("ls", "--json").records] == [one["id"]]
    assert [record["id"] for record in cli("ls", "--json", "--trashed").records] == [two["id"]]
    assert cli("restore", two["id"][-6:], "--json").records[0]["trashed"] is None
    assert len(cli("ls", "--json").records) == 2


def test_nothing_is_changed_when_one_id_is_wrong(cli: Cli) -> None:
    made = cli.make()
    ran = cli("rate", made["id"], "nothing", "5")
    assert (ran.code, ran.out) == (2, "")
    assert cli("show", "--json").records[0]["rating"] == 0
    assert cli("rate", made["id"], "6").code == 2
    assert cli("tag", made["id"], "--add").code == 2


def test_redo_makes_the_same_picture_and_verifies_it(cli: Cli) -> None:
    made = cli.make("a fox", "--seed", "3")
    ran = cli("redo", made["id"], "--verify", "--json")
    assert ran.code == 0
    (again,) = ran.events("picture")
    (verdict,) = ran.events("verdict")
    assert (again["pixels_sha256"], again["seed"], again["parent"]) == (made["pixels_sha256"], 3, made["id"])
    assert again["id"] != made["id"]
    assert (verdict["verdict"], verdict["worst"], verdict["of"]) == ("bit-exact", 0, made["id"])
    assert "every pixel is the same" in cli("redo", "last", "--verify").err


def test_redo_verify_tells_a_different_picture(cli: Cli) -> None:
    made = cli.make("a fox", "--seed", "3")
    Image.new("RGB", (64, 64), "red").save(made["path"])
    ran = cli("redo", made["id"], "--verify", "--json")
    assert ran.code == 1
    assert ran.events("verdict")[0]["verdict"] == "different"


def test_redo_keeps_a_seed_that_the_model_chose(cli: Cli) -> None:
    made = cli.make("a fox")
    assert cli("redo", "last", "--json").events("picture")[0]["seed"] == made["seed"] is not None


def test_export(cli: Cli, tmp_path: Path) -> None:
    fox, cat = cli.make("a fox"), cli.make("a cat")
    ran = cli("export", "fox", "--to", "out", "--json")
    (copy,) = ran.records
    assert copy["id"] == fox["id"]
    assert Path(copy["copy"]).read_bytes() == Path(fox["path"]).read_bytes()
    assert len(cli("export", "--to", "all").out.splitlines()) == 2
    converted = cli("export", cat["id"], "--to", "jpeg", "--format", "jpeg", "--name", "{prompt}").out.strip()
    assert converted == "jpeg/a-cat.jpg"
    with Image.open(tmp_path / converted) as image:
        assert image.format == "JPEG"
    assert cli("export", "--to", "x", "--name", "{nonsense}").code == 2


def test_export_goes_on_past_a_file_that_is_gone(cli: Cli) -> None:
    gone, kept = cli.make("gone"), cli.make("kept")
    Path(gone["path"]).unlink()
    ran = cli("export", "--to", "out", "--json")
    assert ran.code == 1
    assert [record["id"] for record in ran.records] == [kept["id"]]
    assert gone["id"] in ran.err


def test_rebuild_after_damage_brings_everything_back(cli: Cli, home: Path) -> None:
    made = cli.make("лиса", "--seed", "5")
    cli("rate", "last", "5")
    cli("tag", "last", "keep")
    before = cli("ls", "--json").records
    database = home / "data" / "history.sqlite3"
    with database.open("r+b") as file:
        file.write(Random(1).randbytes(2048))
    broken = cli("ls")
    assert broken.code == 1
    assert "silverprint rebuild" in broken.err
    (report,) = cli("rebuild", "--json").records
    assert (report["added"], report["remembered"], report["jobs"]) == (1, 1, 1)
    assert Path(report["set_aside"]).is_file()
    assert cli("ls", "--json").records == before
    assert cli("jobs", "--all", "--json").records[0]["state"] == "done"
    assert cli("redo", made["id"], "--verify").code == 0
    assert cli("rebuild", "--json").records[0]["kept"] == 2


@pytest.mark.parametrize("outputs", [1, 3])
def test_every_picture_of_a_job_is_told(cli: Cli, outputs: int) -> None:
    cli.fake = lambda: FakeProvider(outputs=outputs)
    ran = cli.gen("a fox", "--json")
    assert len(ran.events("picture")) == outputs
    assert len(cli("ls", "--json").records) == outputs


def test_restore_last_is_the_newest_that_is_in_the_trash(cli: Cli) -> None:
    assert "trash is empty" in cli("restore", "last").err
    one, two = cli.make("one"), cli.make("two")
    cli("trash", one["id"])
    assert [record["id"] for record in cli("restore", "last", "--json").records] == [one["id"]]
    assert {record["id"] for record in cli("ls", "--json").records} == {one["id"], two["id"]}
    assert cli("restore", "last").code == 2


def test_an_empty_answer_says_why(cli: Cli, home: Path) -> None:
    cli.make("a red fox")
    assert cli("ls", "walrus").err == "No picture fits.\n"
    assert cli("ls", "--trashed").err == "The trash is empty.\n"
    for file in (home / "data").glob("history.sqlite3*"):
        file.unlink()
    assert "silverprint rebuild" in cli("ls").err
    cli("rebuild")
    assert len(cli("ls", "--json").records) == 1
