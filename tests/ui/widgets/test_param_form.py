"""The form made from a model's parameters: every kind, bad values at their field, the rest under More."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input, Select

from silverprint.core.params import Choice, Form, ParamKind, ParamSpec
from silverprint.ui.widgets.param_fields import ChoiceField, ParamField, Switch, field_for
from silverprint.ui.widgets.param_form import ParamForm
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost
from tests.ui.samples import HOSTILE

STEPS = ParamSpec(name="steps", kind=ParamKind.INTEGER, default=14, low=4, high=50)
GUIDANCE = ParamSpec(name="guidance", kind=ParamKind.NUMBER, default=4.0, low=1, high=12, step=0.5)
SAMPLER = ParamSpec(
    name="sampler", kind=ParamKind.CHOICE, default="a", choices=(Choice(value="a"), Choice(value="b", title="Bee")), group="more",
)  # fmt: skip
TILED = ParamSpec(name="tiled", kind=ParamKind.SWITCH, default=False, group="more")
SIZE = ParamSpec(name="size", kind=ParamKind.SIZE, default="64x64", low=64, high=512, step=8)
ODD = ParamSpec(name="odd", kind=ParamKind.JSON, group="more")
FORM = Form(params=(STEPS, GUIDANCE, SIZE, SAMPLER, TILED, ODD))


def field_of(form: ParamForm, name: str) -> ParamField:
    return next(field for field in form.query(ParamField) if field.spec.name == name)


async def shown(host: WidgetHost, values: dict[str, Any] | None = None) -> ParamForm:
    form = host.query_one(ParamForm)
    await form.show(FORM, values or {})
    return form


@pytest.mark.parametrize("kind", list(ParamKind))
async def test_every_kind_has_a_field(kind: ParamKind) -> None:
    choices = (Choice(value="x"), Choice(value="y")) if kind is ParamKind.CHOICE else ()
    async with WidgetHost(field_for(ParamSpec(name="p", kind=kind, choices=choices))).run_test() as pilot:
        assert pilot.app.query(ParamField).first().spec.kind is kind


async def test_values_in_and_changes_out() -> None:
    host = WidgetHost(ParamForm(), ParamForm.Changed)
    async with host.run_test() as pilot:
        form = await shown(host, {"steps": 20})
        await pilot.pause()
        assert field_of(form, "steps").query_one(Input).value == "20"
        assert field_of(form, "guidance").query_one(Input).value == "4"
        field_of(form, "steps").query_one(Input).value = "30"
        field_of(form, "guidance").query_one(Input).value = "2,5"
        await pilot.pause()
        assert [(heard.name, heard.value) for heard in host.heard] == [("steps", 30), ("guidance", 2.5)]


async def test_a_bad_value_is_marked_at_its_field_with_the_reason() -> None:
    host = WidgetHost(ParamForm(), ParamForm.Changed)
    async with host.run_test(size=(60, 24)) as pilot:
        form = await shown(host)
        field_of(form, "steps").query_one(Input).value = "99"
        await pilot.pause()
        assert form.reasons == {"steps": "a whole number from 4 to 50"}
        assert "a whole number from 4 to 50" in screen_text(host)
        assert host.heard[-1].value is None
        field_of(form, "steps").query_one(Input).value = "9"
        await pilot.pause()
        assert form.reasons == {}
        assert "a whole number" not in screen_text(host)


async def test_an_emptied_field_is_the_models_own_default() -> None:
    host = WidgetHost(ParamForm(), ParamForm.Changed)
    async with host.run_test() as pilot:
        form = await shown(host, {"steps": 20})
        await pilot.pause()
        field_of(form, "steps").query_one(Input).value = ""
        await pilot.pause()
        assert (host.heard[-1].name, host.heard[-1].value, form.reasons) == ("steps", None, {})


async def test_arrows_step_a_number_within_its_range() -> None:
    host = WidgetHost(ParamForm(), ParamForm.Changed)
    async with host.run_test() as pilot:
        form = await shown(host, {"guidance": 11.5})
        await pilot.pause()
        field_of(form, "guidance").query_one(Input).focus()
        await pilot.press("up", "up", "up")
        assert host.heard[-1].value == 12.0
        await pilot.press("down")
        assert host.heard[-1].value == 11.5


async def test_more_is_closed_until_it_is_asked_for_and_opens_for_a_mistake() -> None:
    host = WidgetHost(ParamForm())
    async with host.run_test(size=(60, 24)) as pilot:
        form = await shown(host)
        await pilot.pause()
        assert "▸ More (3)" in screen_text(host)
        assert "Sampler" not in screen_text(host)
        form.mark({"sampler": "the service says no"})
        await pilot.pause()
        assert "▾ More (3)" in screen_text(host)
        assert "the service says no" in screen_text(host)
        assert "sampler" in form.reasons


async def test_choices_and_switches() -> None:
    host = WidgetHost(ParamForm(), ParamForm.Changed)
    async with host.run_test() as pilot:
        form = await shown(host)
        form.is_open = True
        await pilot.pause()
        select = field_of(form, "sampler").query_one(Select)
        select.value = 1
        await pilot.pause()
        assert (host.heard[-1].name, host.heard[-1].value) == ("sampler", "b")
        field_of(form, "tiled").query_one(Switch).focus()
        await pilot.press("space")
        assert (host.heard[-1].name, host.heard[-1].value) == ("tiled", True)


async def test_what_is_not_known_is_edited_as_json() -> None:
    host = WidgetHost(ParamForm(), ParamForm.Changed)
    async with host.run_test() as pilot:
        form = await shown(host, {"odd": {"a": [1]}})
        form.is_open = True
        await pilot.pause()
        field = field_of(form, "odd").query_one(Input)
        assert field.value == '{"a": [1]}'
        field.value = '{"a": [1, 2]}'
        await pilot.pause()
        assert host.heard[-1].value == {"a": [1, 2]}
        field.value = "{"
        await pilot.pause()
        assert form.reasons["odd"].startswith("not JSON")


async def test_a_hostile_schema_is_shown_as_it_is() -> None:
    spec = ParamSpec(
        name="x",
        kind=ParamKind.CHOICE,
        title=HOSTILE,
        help=HOSTILE,
        choices=(Choice(value=HOSTILE), Choice(value="b")),
    )
    host = WidgetHost(ParamForm())
    async with host.run_test(size=(100, 24)) as pilot:
        await host.query_one(ParamForm).show(Form(params=(spec,)), {"x": HOSTILE})
        await pilot.pause()
        host.query_one(ChoiceField).query_one(Select).expanded = True
        await pilot.pause()
        text = screen_text(host)
        assert "[bold red]no markup" in text
        assert "\x1b" not in text
