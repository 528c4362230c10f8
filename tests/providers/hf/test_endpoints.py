"""A Space's published API as forms and arguments, for components of many kinds and for shapes of none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.errors import BadRecipe
from silverprint.providers.hf.endpoints import arguments, endpoints_of, files_in, first_image
from tests.providers.hf.jobs import asked, picture, source
from tests.standins.hf import INFO

FILE = {"type": "object", "properties": {"path": {"type": "string"}}}
PICTURE = {"label": "Out", "component": "Image", "type": FILE}


def parameter(name: str, component: str, type_: Any = None, **more: Any) -> dict[str, Any]:
    kept = {
        "parameter_name": name,
        "label": name,
        "component": component,
        "type": type_ or {"type": "string"},
    }
    return kept | {"parameter_has_default": "default" in more, "parameter_default": more.get("default")}


def one(*parameters: dict[str, Any], returns: Any = (PICTURE,)) -> Any:
    told = {"/run": {"parameters": list(parameters), "returns": list(returns)}}
    return endpoints_of({"named_endpoints": told, "unnamed_endpoints": {}})["/run"]


def test_the_first_with_a_prompt_is_meant() -> None:
    first = first_image(endpoints_of(INFO))
    assert first is not None
    assert first.name == "/run_lora"
    assert first.roles == {"text", "image"}


def test_a_text_box_by_another_name_is_the_prompt() -> None:
    endpoint = one(parameter("describe_it", "Textbox"), parameter("more_words", "Textbox"))
    assert arguments(endpoint, asked(params={"more_words": "x"}), {}) == ["a fox", "x"]


def test_width_and_height_become_a_size_and_whole_numbers_stay_whole() -> None:
    number = {"type": "number"}
    endpoint = one(
        parameter("prompt", "Textbox"),
        parameter("width", "Slider", number, default=1024),
        parameter("height", "Slider", number, default=768),
        parameter("guidance", "Slider", number, default=3.5),
    )
    assert arguments(endpoint, asked(params={"size": "512x640", "guidance": 4.0}), {}) == [
        "a fox",
        512,
        640,
        4,
    ]
    assert arguments(endpoint, asked(), {}) == ["a fox", 1024, 768, 3.5]


@pytest.mark.parametrize(
    ("component", "shape"),
    [
        ("Image", "file"),
        ("ImageEditor", {"background": "file", "layers": [], "composite": "file"}),
        ("Gallery", [{"image": "file", "caption": None}]),
    ],
)
def test_pictures_by_component_whatever_their_name(component: str, shape: Any) -> None:
    image = source(picture())
    endpoint = one(parameter("prompt", "Textbox"), parameter("zzz", component, FILE))
    assert arguments(endpoint, asked(sources=(image,)), {image.sha256: "file"}) == ["a fox", shape]


def test_image_mask_and_reference_find_their_places() -> None:
    data = [picture((number, 0, 0)) for number in range(3)]
    endpoint = one(
        parameter("mask_img", "Image", FILE),
        parameter("inp", "Image", FILE),
        parameter("style", "Image", FILE),
    )
    sources = (source(data[0]), source(data[1], "mask"), source(data[2], "reference"))
    files = {each.sha256: number for number, each in enumerate(sources)}
    assert arguments(endpoint, asked(prompt="", sources=sources), files) == [1, 0, 2]


def test_without_a_seed_field_the_switch_stays_a_switch() -> None:
    endpoint = one(
        parameter("prompt", "Textbox"),
        parameter("randomize_seed", "Checkbox", {"type": "boolean"}, default=True),
    )
    assert endpoint.shape.form.spec("randomize_seed") is not None


def test_what_is_needed_and_not_given() -> None:
    endpoint = one(
        parameter("prompt", "Textbox"), parameter("model", "Dropdown", {"type": "string", "enum": ["a"]})
    )
    with pytest.raises(BadRecipe) as caught:
        arguments(endpoint, asked(), {})
    assert caught.value.fields


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"path": "/tmp/a.webp", "url": "http://x/b"}, ["/tmp/a.webp"]),
        (
            [{"image": {"path": "/a.png"}, "caption": "x"}, {"image": {"path": "/b.jpg"}}],
            ["/a.png", "/b.jpg"],
        ),
        (({"path": "/a.png"}, 7), ["/a.png"]),
        ("https://host/a.png?x=1", ["https://host/a.png?x=1"]),
        ("data:image/png;base64,AAAA", ["data:image/png;base64,AAAA"]),
        ({"path": "/film.mp4"}, []),
        ({"path": "/odd", "mime_type": "image/png"}, ["/odd"]),
        ({"path": "/a.png", "mime_type": "video/mp4"}, []),
        ({"background": {"path": "/b.png"}, "layers": [], "composite": {"path": "/c.png"}}, ["/c.png"]),
        ("just words", []),
        (None, []),
    ],
)
def test_pictures_in_outputs(value: Any, found: list[str]) -> None:
    assert files_in(value) == found


def test_names_that_could_be_anything_else_are_no_endpoints() -> None:
    told = {"parameters": [], "returns": [PICTURE]}
    names = ["/fine", "/a b", "/\x1b[31mred", "no-slash", "/../up", "/"]
    assert list(endpoints_of({"named_endpoints": dict.fromkeys(names, told)})) == ["/fine"]


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["parameters", "returns", "component", "type", "label", "parameter_name", "parameter_has_default",
                 "parameter_default", "enum", "python_type", "description", "path"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["/a", "/b", "c"]), odd, max_size=3))
def test_no_shape_breaks_the_reading(named: dict[str, Any]) -> None:
    found = endpoints_of({"named_endpoints": named})
    assert set(found) <= set(named)
    first_image(found)


@given(odd)
def test_no_output_breaks_the_reading(value: Any) -> None:
    assert all(isinstance(path, str) for path in files_in(value))
