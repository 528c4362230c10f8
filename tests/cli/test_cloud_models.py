"""Models of services: naming them, searching them, their inputs, `doctor` and `redo` with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from silverprint.cli.redo import verdict_sentence
from silverprint.core.errors import SettingsError, Unreachable
from silverprint.core.grade import Grade, Verdict
from silverprint.core.provider import ModelInfo, Provider, ProviderContext
from tests.cli.cloud import Cloud
from tests.cli.conftest import MODEL, Cli
from tests.cli.test_money import Shop

LONG = "owner/name:0123456789abcdef"
ESCAPES = "\x1b[31mred\x1b[0m\x9b2J\u202e"


@pytest.fixture
def shop(cli: Cli) -> Shop:
    made = Shop(unlisted=["owner/name", LONG, "a:b:c"])
    cli.more = {"cloud": made}
    return made


def plan(cli: Cli, *args: str) -> dict[str, Any]:
    ran = cli("gen", "a fox", "--dry-run", "--json", *args)
    assert ran.code == 0, ran.err
    (recipe,) = ran.events("recipe")
    return recipe


@pytest.mark.parametrize("name", ["owner/name", LONG, "a:b:c"])
def test_a_model_that_no_list_has_is_taken_when_its_provider_knows_it(
    cli: Cli, shop: Shop, name: str
) -> None:
    assert plan(cli, "--model", f"cloud:{name}")["model"] == f"cloud:{name}"
    assert plan(cli, "--model", f"CLOUD:{name}")["model"] == f"cloud:{name}"
    assert all(cloud.times_listed == 0 for cloud in shop.made)
    (record,) = cli("models", "show", f"cloud:{name}", "--json").records
    assert (record["model"], record["price_usd"]) == (f"cloud:{name}", 0.03)


def test_only_the_provider_that_is_named_is_asked(cli: Cli, shop: Shop) -> None:
    other = Shop()
    cli.more = {"cloud": shop, "other": other}
    assert plan(cli, "--model", "cloud:cloud")["model"] == "cloud:cloud"
    ran = cli("gen", "a fox", "--model", "cloud:clod")
    assert (ran.code, "cloud:cloud" in ran.err, "other:" in ran.err) == (2, True, False)
    assert other.made == []
    assert plan(cli, "--model", "cloud:")["model"] == "cloud:cloud"


def test_a_service_that_cant_be_asked_for_a_form_is_told(cli: Cli, shop: Shop) -> None:
    shop.before = lambda cloud: cloud.fail("form", Unreachable("Cloud is not there"), times=9)
    ran = cli("gen", "a fox", "--model", "cloud:cloud")
    assert (ran.code, "Cloud is not there" in ran.err, ran.out) == (3, True, "")


def test_references_loras_and_control_are_put_into_the_recipe(cli: Cli, shop: Shop, tmp_path: Path) -> None:
    for name in ("one", "two", "lines"):
        Image.new("RGB", (8, 8), "red" if name == "one" else "blue").save(tmp_path / f"{name}.png")
    address = "https://example.com/some:thing/lora.safetensors"
    recipe = plan(
        cli, "--model", "cloud:cloud", "--reference", "one.png", "--reference", "two.png", "--control", "lines.png",
        "--lora", "fog", "--lora", "film:0.7", "--lora", address, "--lora", f"{address}:-1.5",
    )  # fmt: skip
    assert [(source["role"], source["name"]) for source in recipe["sources"]] == [
        ("reference", "one.png"),
        ("reference", "two.png"),
        ("control", "lines.png"),
    ]
    assert [(lora["name"], lora["weight"]) for lora in recipe["loras"]] == [
        ("fog", 1.0),
        ("film", 0.7),
        (address, 1.0),
        (address, -1.5),
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--lora", ":0.5"], "write it as NAME or NAME:WEIGHT"),
        (["--lora", ""], "write it as NAME or NAME:WEIGHT"),
        (["--lora", "civitai:12345"], "civitai:12345:1"),
        (["--reference", "a.png", "--reference", "a.png", "--reference", "a.png"], "at most 2"),
        (["--mask", "a.png"], "--mask: this model takes none; it takes --image, --reference, --control"),
        (["--reference", "gone.png"], "--reference: there is no file"),
    ],
)
def test_a_mistake_in_the_inputs_is_named(
    cli: Cli, shop: Shop, tmp_path: Path, args: list[str], said: str
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    ran = cli("gen", "a fox", "--model", "cloud:cloud", *args)
    assert (ran.code, shop.sent) == (2, 0)
    assert said in ran.err
    assert cli.gen("a fox", "--lora", "fog").code == 2


def test_a_parameter_goes_by_the_services_own_name_too(cli: Cli) -> None:
    ran = cli.gen("a fox", "--dry-run", "--json", "--set", "cfg=2.5")
    assert ran.events("recipe")[0]["params"]["guidance"] == 2.5


def test_the_list_names_what_a_model_needs_and_what_is_unknown(
    cli: Cli, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = cli("models", "--provider", "cloud", "--json").records
    assert (record["price_usd"], record["price_about"], record["price_source"], record["price_as_of"]) == (
        0.03,
        True,
        "table",
        "2026-10",
    )
    assert record["missing"] == "needs a key"
    rows = [line.split("\t") for line in cli("models").out.splitlines()]
    assert rows == [
        ["cloud:cloud", "text", "about $0.03", "needs a key", "Cloud (test pattern)"],
        [MODEL, "text", "—", "", "Fake (test pattern)"],
    ]
    monkeypatch.setenv("SILVERPRINT_CLOUD_KEY", "k")
    assert cli("models", "--provider", "cloud", "--json").records[0]["missing"] == ""
    assert cli("models", "--provider", "nobody").code == 2
    assert [one["model"] for one in cli("models", "--json", "--provider", "fake", "pattern").records] == [
        MODEL
    ]


def test_a_search_that_fails_at_one_service_shows_what_is_known_of_it(cli: Cli) -> None:
    class Away(Cloud):
        async def models(self, query: str = "") -> Sequence[ModelInfo]:
            if query:
                raise Unreachable("Away can't be searched.")
            return await super().models(query)

    cli.more = {"away": Away}
    ran = cli("models", "PATTERN", "--json")
    assert ran.code == 0
    assert [record["model"] for record in ran.records] == [MODEL, "away:away"]
    (line,) = ran.err.splitlines()
    assert line.startswith("away: Away can't be searched.")
    assert [record["model"] for record in cli("models", "zebra", "--json").records] == []


def test_show_tells_what_the_provider_can_do_and_the_price(cli: Cli, shop: Shop) -> None:
    (record,) = cli("models", "show", "cloud:cloud", "--json").records
    can = record["can"]
    assert (can["resumable"], can["looks_up"], can["results_live_s"], can["price_source"]) == (
        True,
        True,
        3600.0,
        "table",
    )
    assert record["form"]["takes_loras"] is True
    out = cli("models", "show", "cloud:cloud").out
    for words in (
        "price: about $0.03, by our table of 2026-10",
        "one job at a time",
        "a lost request can be looked up",
        "results are kept for 60 minutes",
        "--reference PATH",
        "optional, up to 2",
        "--lora NAME[:WEIGHT]",
    ):
        assert words in out


def test_words_from_a_service_are_cleaned(cli: Cli) -> None:
    class Odd(Cloud):
        async def models(self, query: str = "") -> Sequence[ModelInfo]:
            return [
                replace(each, title=ESCAPES, note=ESCAPES + "\nsecond line", licence=ESCAPES)
                for each in await super().models("")
            ]

        async def probe(self) -> str:
            return ESCAPES

        async def price(self, recipe: object) -> None:
            raise Unreachable(ESCAPES)

    cli.more = {"odd": lambda context: Odd(context, title=ESCAPES)}
    cli("keys", "set", "odd", stdin=b"0123456789")
    for args in (
        ["models"], ["models", "x", "--json"], ["models", "show", "odd:odd"], ["models", "show", "odd:odd", "--json"],
        ["keys", "list"], ["keys", "test"], ["keys", "test", "--json"], ["doctor"], ["doctor", "--online", "--json"],
        ["gen", "a fox", "--model", "odd:odd"],
    ):  # fmt: skip
        ran = cli(*args)
        assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out + ran.err), args


def test_doctor_tells_addresses_keys_and_the_budget_and_asks_nobody(
    cli: Cli, shop: Shop, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text(
        '[providers.cloud]\nurl = "https://me:sk-hidden@cloud.example/v1?key=sk-hidden"\n'
        '[providers.attic]\nkind = "cloud"\nurl = "http://10.0.0.5:81"\n'
        "[budget]\nday_usd = 2\nmonth_usd = 20\n"
    )
    monkeypatch.setenv("SILVERPRINT_ATTIC_URL", "http://10.0.0.6:82")
    monkeypatch.setenv("SILVERPRINT_CLOUD_KEY", "sk-hidden")
    ran = cli("doctor", "--json")
    assert "sk-hidden" not in ran.out + ran.err
    by = {record["provider"]: record for record in ran.records if record["check"] == "provider"}
    assert by["cloud"]["addresses"] == {"url": {"address": "https://cloud.example/v1", "from": "settings"}}
    assert (by["cloud"]["key"], by["cloud"]["key_variable"]) == ("environment", "SILVERPRINT_CLOUD_KEY")
    assert by["attic"]["addresses"]["url"] == {
        "address": "http://10.0.0.6:82",
        "from": "SILVERPRINT_ATTIC_URL",
    }
    assert (by["attic"]["key"], by["attic"]["status"]) == (None, "ok")
    assert "no key is set" in by["attic"]["said"]
    (budget,) = [record for record in ran.records if record["check"] == "budget"]
    assert (budget["day_usd"], "$2.00 a day and $20.00 a month" in budget["said"]) == (2, True)
    assert [cloud.asked for cloud in shop.made] == [[], []]
    assert {made.info.name for made in shop.made} == {"cloud", "attic"}


def test_doctor_warns_where_the_default_model_has_no_key(cli: Cli, shop: Shop, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text('default_model = "cloud:cloud"\n')
    (check,) = [record for record in cli("doctor", "--json").records if record.get("provider") == "cloud"]
    assert (check["status"], "silverprint keys set cloud" in check["fix"]) == ("warning", True)


def test_doctor_online_asks_each_service(cli: Cli, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILVERPRINT_CLOUD_KEY", "sk-MARKED-0123456789")
    (check,) = [one for one in cli("doctor", "--online", "--json").records if one.get("provider") == "cloud"]
    assert (check["status"], check["answer"]) == ("ok", "account cloud-user, key …")
    shop.how["refused"] = ["sk-MARKED-0123456789"]
    ran = cli("doctor", "--online", "--json")
    (check,) = [one for one in ran.records if one.get("provider") == "cloud"]
    assert (ran.code, check["status"], check["answer"]) == (1, "error", "KeyRefused")
    assert "sk-MARKED-0123456789" not in ran.out + ran.err


def test_redo_with_a_service_says_the_price_and_compares(cli: Cli, shop: Shop) -> None:
    cli("gen", "a fox", "--model", "cloud:cloud")
    ran = cli("redo", "last", "--verify", "--json")
    assert ran.code == 0
    assert ran.events("price")[0]["usd"] == 0.03
    (verdict,) = ran.events("verdict")
    assert (verdict["verdict"], verdict["grade"]) == ("bit-exact", Grade.EXACT.value)
    assert cli("redo", "last", "--max-price", "0.01").code == 4
    before = shop.sent
    assert cli("redo", "last", "--dry-run", "--json").events("recipe")[0]["model"] == "cloud:cloud"
    assert shop.sent == before


def test_redo_on_another_model_says_what_becomes_of_the_recipe(cli: Cli, shop: Shop) -> None:
    cli("gen", "a fox", "--model", "cloud:cloud", "--lora", "fog:0.5", "--set", "steps=7", "--seed", "3")
    ran = cli("redo", "last", "--model", "fake", "--dry-run", "--json")
    (carried,) = ran.events("transfer")
    assert (carried["from"], carried["to"]) == ("cloud:cloud", MODEL)
    assert any("fog" in name for name in carried["dropped"])
    assert "dropped" in ran.err
    (recipe,) = ran.events("recipe")
    assert (recipe["model"], recipe["params"]["steps"], recipe["seed"], recipe["loras"]) == (MODEL, 7, 3, [])
    assert cli("redo", "last", "--model", "fake").code == 0
    assert cli("ls", "--json").records[0]["model"] == MODEL
    assert cli("redo", "last", "--model", "fake", "--verify").code == 2


@pytest.mark.parametrize(
    ("verdict", "grade", "words"),
    [
        (Verdict(mean=0.0, worst=0), Grade.NONE, "bit-exact: every pixel is the same"),
        (Verdict(mean=1.0, worst=9), Grade.APPROXIMATE, "near: the channels differ by 1 of 255 on average, by 9 at most; only something near"),
        (Verdict(mean=40.0, worst=200), Grade.NONE, "; the same picture was not promised"),
        (Verdict(mean=255.0, worst=-1), Grade.EXACT, "different: the two have different sizes; here it should be bit-exact"),
        (Verdict(mean=40.0, worst=200), Grade.HARDWARE, "same class of hardware only"),
    ],
)  # fmt: skip
def test_a_verdict_says_what_was_promised(verdict: Verdict, grade: Grade, words: str) -> None:
    assert words in verdict_sentence(verdict, grade)


def test_a_provider_that_cant_be_loaded_is_one_line(cli: Cli) -> None:
    def broken(context: ProviderContext) -> Provider:
        raise SettingsError("the address of bad is wrong", fix="Correct it.")

    cli.more = {"bad": broken}
    assert cli("models", "x").err == "bad: the address of bad is wrong Correct it.\n"
    assert cli("gen", "a fox", "--model", "bad:x").code == 2
