"""ModelList: models of all providers in one list, with what each can do, its price and what it lacks.

It filters what it is given; asking providers for more is the screen's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from silverprint.core.provider import ModelInfo, Price
from silverprint.core.recipe import ModelRef
from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.fuzzy import best
from silverprint.ui.widgets.cells import fit

_ROOM_FOR_ROLES = 64
_ROLES = ("text", "image", "inpaint", "reference", "upscale")


def price_words(price: Price | None) -> str:
    """``free``, ``$0.014``, ``~$0.05``, or nothing when it is not known."""
    if price is None:
        return ""
    if price.usd == 0:
        return "free"
    return f"{'~' if price.about else ''}${price.usd:.3f}".rstrip("0").rstrip(".")


def role_words(roles: frozenset[str]) -> str:
    """What a model can do, in a settled order."""
    known = [role for role in _ROLES if role in roles]
    return " ".join([*known, *sorted(roles - set(_ROLES))])


def _provider(info: ModelInfo) -> str:
    return one_line(info.ref.provider, most=20)


def _roles(info: ModelInfo) -> str:
    return role_words(info.roles)


def _price(info: ModelInfo) -> str:
    return one_line(info.missing, most=24) if info.missing else price_words(info.price)


class ModelList(OptionList):
    """Set with ``show``, narrow it with ``find``. Highlighting and choosing are told by message."""

    DEFAULT_CSS = """
    ModelList { background: $background; border: none; padding: 0; height: 1fr; }
    ModelList:focus { border: none; background-tint: transparent; }
    """
    # The list's own enter would hide the action's words from the key line.
    BINDINGS: ClassVar[list[BindingType]] = [
        binding for binding in bindings(Where.MODELS) if binding.id == "models.take"
    ]

    class Highlighted(Message):
        """The cursor is on ``info``; None when the list is empty."""

        def __init__(self, info: ModelInfo | None) -> None:
            super().__init__()
            self.info = info

    class Chosen(Message):
        """``info`` was chosen."""

        def __init__(self, info: ModelInfo) -> None:
            super().__init__()
            self.info = info

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self._models: list[ModelInfo] = []
        self._shown: list[ModelInfo] = []
        self._query = ""
        self._first: ModelRef | None = None

    def show(self, models: Sequence[ModelInfo], *, first: ModelRef | None = None) -> None:
        """The models to list; the cursor goes to ``first`` where it is among them."""
        self._models = list(models)
        self._first = first
        self._fill()

    def find(self, query: str) -> None:
        """Keep only what fits ``query``, best first."""
        self._query = query.strip()
        self._fill()

    @property
    def current(self) -> ModelInfo | None:
        """The model under the cursor."""
        return (
            self._shown[self.highlighted]
            if self.highlighted is not None and self.highlighted < len(self._shown)
            else None
        )

    def _fill(self) -> None:
        found = self._found()
        self._shown = found
        self.clear_options()
        self.add_options(Option(self._line(info)) for info in found)
        refs = [info.ref for info in found]
        if found:
            self.highlighted = refs.index(self._first) if self._first in refs and not self._query else 0
        else:
            self.post_message(self.Highlighted(None))

    def _found(self) -> list[ModelInfo]:
        names = [one_line(f"{info.title} {info.ref}", most=200) for info in self._models]
        return [self._models[at] for at in best(self._query, names)]

    def _line(self, info: ModelInfo) -> Content:
        width = max(30, (self.size.width or 76) - 2)
        provider = fit(_provider(info), self._widest(_provider))
        roles = fit(_roles(info), self._widest(_roles)) + "  " if width >= _ROOM_FOR_ROLES else ""
        price = fit(_price(info), self._widest(_price), align="right")
        room = width - cell_len(provider) - cell_len(roles) - cell_len(price) - 4
        return Content.assemble(
            fit(one_line(info.title, most=200), room),
            (f"  {provider}  {roles}", "$text-muted"),
            (price, "$warning" if info.missing else "$text-muted"),
        )

    def _widest(self, words: Callable[[ModelInfo], str]) -> int:
        return max((cell_len(words(info)) for info in self._models), default=0)

    def on_resize(self) -> None:
        if self._shown:
            at = self.highlighted
            self.clear_options()
            self.add_options(Option(self._line(info)) for info in self._shown)
            self.highlighted = at

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self.post_message(self.Highlighted(self.current))

    @on(OptionList.OptionSelected)
    def _selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if message.option_index < len(self._shown):
            self.post_message(self.Chosen(self._shown[message.option_index]))
