"""`models`, `themes`, `doctor`, `completion`, the group itself, and the way into the screen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from silverprint import __main__ as program
from silverprint.cli.main import COMMANDS, run
from silverprint.core.errors import SettingsError, Unreachable
from silverprint.core.provider import Provider, ProviderContext
from silverprint.settings.paths import Paths
from silverprint.testing import FakeProvider
from tests.cli.conftest import MODEL, Cli


def broken(context: ProviderContext) -> Provider:
    raise SettingsError("the provider bad can't be loaded: no module", fix="Reinstall it.")


def unreachable(context: ProviderContext) -> Provider:
    provider = FakeProvider("far")
    provider.fail("models", Unreachable("far is not there"), times=99)
    return provider


def test_models(cli: Cli) -> None:
    (model,) = cli("models", "--json").records
    assert (model["model"], model["provider"], model["roles"]) == (MODEL, "fake", ["text"])
    assert cli("models", "pattern", "--json").records == [model]
    assert cli("models", "--json", "pattern").records == [model]
    nothing = cli("models", "zebra")
    assert (nothing.code, nothing.out) == (0, "")
    assert "zebra" in nothing.err


def test_a_provider_that_fails_does_not_hide_the_others(cli: Cli) -> None:
    cli.more = {"bad": broken, "far": unreachable}
    ran = cli("models", "--json")
    assert ran.code == 0
    assert [record["model"] for record in ran.records] == [MODEL]
    assert "Reinstall it." in ran.err
    assert "far is not there" in ran.err
    alone = cli("models", providers={"far": unreachable})
    assert alone.code == 3


def test_models_show(cli: Cli) -> None:
    (record,) = cli("models", "show", "fake", "--json").records
    assert record["form"]["takes_negative"] is True
    params = {param["name"]: param for param in record["form"]["params"]}
    assert (params["steps"]["low"], params["steps"]["high"], params["steps"]["default"]) == (1, 50, 3)
    said = cli("models", "show", MODEL).out
    assert "--set steps=N" in said
    assert "1 to 50, default 3" in said
    assert cli("models", "show", "nothing").code == 2


def test_themes(cli: Cli, home: Path) -> None:
    own = home / "config" / "themes"
    own.mkdir(parents=True)
    (own / "mine.toml").write_text('name = "mine"\ntitle = "My theme"\ndark = false\n')
    (own / "paper.toml").write_text('name = "paper"\n')
    (own / "bad.toml").write_text("name = \n")
    records = cli("themes", "--json").records
    by = {(record["name"], record["from"]): record for record in records}
    assert by["mine", "yours"]["dark"] is False
    assert by["darkroom", "silverprint"]["in_use"] is True
    assert by["paper", "silverprint"]["hidden"] is True
    assert "can't be read" in by["bad", "yours"]["problem"]
    chosen = cli("--theme", "mine", "themes", "--json").records
    assert [record["name"] for record in chosen if record["in_use"]] == ["mine"]


def probe(environ: Any, option: str | None, setting: str | None) -> dict[str, Any]:
    return {
        "name": "kitty", "version": "0.40", "protocol": option or "kitty", "colours": "truecolor", "cell": (10, 20),
        "why": "it said so", "typed": "secret keys", "through_tmux": False,
    }  # fmt: skip


def test_doctor_on_a_healthy_home_changes_nothing(cli: Cli, home: Path) -> None:
    ran = cli("doctor", "--json", probe=probe)
    assert ran.code == 0
    checks = {record["check"]: record for record in ran.records}
    assert {
        "versions",
        "terminal",
        "settings",
        "config",
        "data",
        "pictures",
        "cache",
        "state",
        "database",
        "provider",
        "pocket",
    } <= checks.keys()
    assert {record["status"] for record in ran.records} == {"ok"}
    assert checks["terminal"]["protocol"] == "kitty"
    assert "typed" not in checks["terminal"]
    assert checks["versions"]["packages"]["textual"]
    assert checks["data"]["free_bytes"] > 0
    assert list(home.iterdir()) == []


def test_doctor_tells_of_coarse_pictures_unless_they_are_wished_for(cli: Cli) -> None:
    def coarse(environ: Any, option: str | None, setting: str | None) -> dict[str, Any]:
        return {"protocol": "half", "colours": "16"}

    def terminal(*args: str) -> dict[str, Any]:
        return next(
            one for one in cli(*args, "doctor", "--json", probe=coarse).records if one["check"] == "terminal"
        )

    assert terminal()["status"] == "warning"
    assert terminal()["fix"]
    assert terminal("--images", "half")["status"] == "ok"


def test_doctor_tells_what_is_broken_and_how_to_mend_it(cli: Cli, home: Path) -> None:
    made = cli.make()
    Path(made["path"]).unlink()
    (home / "config" / "settings.toml").write_text('theme = "x"\nlimit = 3\n')
    ran = cli("doctor", "--json", probe=probe, providers={"bad": broken})
    assert ran.code == 1
    checks = {record["check"]: record for record in ran.records}
    assert checks["settings"]["line"] == 2
    assert checks["files"]["missing"] == [made["path"]]
    assert checks["database"]["pictures"] == 1
    assert checks["provider"]["fix"] == "Reinstall it."
    assert all(record["fix"] for record in ran.records if record["status"] != "ok")
    assert "✗" in cli("doctor", probe=probe, providers={"bad": broken}).out


def test_doctor_on_a_damaged_database(cli: Cli, home: Path) -> None:
    cli.make()
    database = home / "data" / "history.sqlite3"
    database.write_bytes(b"\0" * 4096)
    (home / "data" / "history.sqlite3.damaged-20260101-000000").write_bytes(b"x")
    checks = {record["check"]: record for record in cli("doctor", "--json", probe=probe).records}
    assert checks["database"]["status"] == "error"
    assert "rebuild" in checks["database"]["fix"]
    assert checks["set aside"]["status"] == "warning"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_doctor_on_a_folder_that_cant_be_written(cli: Cli, home: Path) -> None:
    (home / "data").mkdir(mode=0o500)
    checks = {record["check"]: record for record in cli("doctor", "--json", probe=probe).records}
    assert checks["data"]["status"] == "error"


def test_a_wrong_settings_file_is_said_once_and_the_defaults_are_used(cli: Cli, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("images = \n")
    ran = cli("ls")
    assert ran.code == 0
    assert ran.err.count("settings.toml, line 1") == 1


def test_a_home_that_is_a_file_is_a_usage_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cli("ls", environ={"SILVERPRINT_HOME": str(tmp_path / "file")}).code == 2


def test_home_puts_everything_into_one_folder(cli: Cli, tmp_path: Path) -> None:
    ran = cli("--home", str(tmp_path / "other"), "gen", "a fox", "--model", MODEL)
    assert Path(ran.out.strip()).is_relative_to(tmp_path / "other")
    assert cli("ls", "--json").records == []


def test_an_unknown_command_names_the_near_one(cli: Cli) -> None:
    assert "Did you mean gen?" in cli("genn").err
    assert cli("genn").code == 2
    assert 'silverprint gen "fox"' in cli("fox").err


def test_help_names_every_command(cli: Cli) -> None:
    ran = cli("--help")
    assert ran.code == 0
    for name, (_, line) in COMMANDS.items():
        assert name in ran.out
        assert line in ran.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_says_what_the_list_says(cli: Cli, name: str) -> None:
    from silverprint.cli.main import cli as group

    command = group.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.short_help == COMMANDS[name][1]
    assert cli(name, "--help").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    ran = cli("completion", shell)
    assert ran.code == 0
    assert "_SILVERPRINT_COMPLETE" in ran.out
    assert cli("completion", "tcsh").code == 2


def test_completion_names_commands(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SILVERPRINT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "silverprint re")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        run([])
    found = {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()}
    assert found == {"redo", "restore", "rebuild"}


def test_without_a_command_the_screen_opens(cli: Cli, home: Path) -> None:
    asked: list[tuple[Paths, str | None, str | None]] = []

    def open_app(paths: Paths, images: str | None, theme: str | None) -> int:
        asked.append((paths, images, theme))
        return 7

    assert cli("--images", "half", "--theme", "paper", open_app=open_app).code == 7
    ((paths, images, theme),) = asked
    assert (paths.data, images, theme) == (home / "data", "half", "paper")
    assert cli("--images", "blocks", open_app=open_app).code == 2


def test_the_program_goes_to_the_screen_by_the_shortest_way(monkeypatch: pytest.MonkeyPatch) -> None:
    import silverprint.ui.start

    monkeypatch.setattr(silverprint.ui.start, "run", lambda: 5)
    with pytest.raises(SystemExit) as end:
        program.main([])
    assert end.value.code == 5

    def refuse() -> int:
        raise SettingsError("wrong", fix="mend it")

    monkeypatch.setattr(silverprint.ui.start, "run", refuse)
    with pytest.raises(SystemExit) as end:
        program.main([])
    assert end.value.code == 2


def test_the_version(cli: Cli) -> None:
    from silverprint import __version__

    assert cli("--version").out == f"silverprint {__version__}\n"
