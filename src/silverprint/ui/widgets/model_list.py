"""ModelList: models of all providers in one list, with what each can do, its price and what it lacks.

It filters what it is given; asking providers for more is the screen's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from silverprint.ui.spend_words import exact_money
from silverprint.ui.widgets.cells import fit

_LEAST_TITLE = 26
_LEAST_ROLES = 4
_ROLES = ("text", "image", "inpaint", "reference", "upscale")


def price_words(price: Price | None) -> str:
    """``free``, ``$0.014``, ``~$0.05``, or nothing when it is not known."""
    if price is None:
        return ""
    if price.usd == 0:
        return "free"
    return f"{'~' if price.about else ''}{exact_money(price.usd)}"


def role_words(roles: frozenset[str]) -> str:
    """What a model can do, in a settled order."""
    known = [role for role in _ROLES if role in roles]
    return " ".join([*known, *sorted(roles - set(_ROLES))])


def missing_words(missing: str) -> str:
    """What a model lacks; for a key, with the screen that takes it: ``needs a key: 5``."""
    words = one_line(missing, most=24)
    return f"{words}: 5" if words.endswith("key") else words


class ModelList(OptionList):
    """Set with ``show``, narrow it with ``find``, add what a service answers with ``merge``. Highlighting and
    choosing are told by message."""

    DEFAULT_CSS = """
    ModelList { background: $background; border: none; padding: 0; height: 1fr; scrollbar-size-vertical: 1; }
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
        self._models: dict[ModelRef, ModelInfo] = {}
        self._answers: dict[str, list[ModelRef]] = {}
        self._providers: frozenset[str] = frozenset()
        self._shown: list[ModelInfo] = []
        self._widths = (0, 0, 0)
        self._query = ""
        self._first: ModelRef | None = None

    def show(
        self,
        models: Sequence[ModelInfo],
        *,
        first: ModelRef | None = None,
        providers: Iterable[str] = (),
    ) -> None:
        """The models to list; the cursor stays where it is, or goes to ``first`` where that is among them.

        A model of one of ``providers`` can be named in full though no list has it.
        """
        here = self.current.ref if self.current is not None else first
        self._models = {info.ref: info for info in models}
        self._answers = {}
        self._providers = frozenset(providers)
        self._first = first
        self._fill(here)

    def merge(self, models: Sequence[ModelInfo], query: str) -> None:
        """What services answered to ``query``: shown with it behind what fits by its letters. The cursor stays."""
        for info in models:
            self._models.setdefault(info.ref, info)
        self._answers[query.strip()] = [info.ref for info in models]
        self._fill(self.current.ref if self.current is not None else None)

    def find(self, query: str) -> None:
        """Keep only what fits ``query``, best first."""
        self._query = query.strip()
        self._fill(None if self._query else self._first)

    @property
    def current(self) -> ModelInfo | None:
        """The model under the cursor."""
        return (
            self._shown[self.highlighted]
            if self.highlighted is not None and self.highlighted < len(self._shown)
            else None
        )

    def _fill(self, here: ModelRef | None) -> None:
        self._shown = self._found()
        self._measure()
        self.clear_options()
        self.add_options(Option(self._line(info)) for info in self._shown)
        refs = [info.ref for info in self._shown]
        if refs:
            self.highlighted = refs.index(here) if here in refs else 0
        else:
            self.post_message(self.Highlighted(None))

    def _found(self) -> list[ModelInfo]:
        models = list(self._models.values())
        names = [one_line(f"{info.title} {info.ref}", most=200) for info in models]
        fitting = [models[at] for at in best(self._query, names)]
        # What can be used now comes before what needs a key first.
        found = {info.ref: info for info in sorted(fitting, key=lambda info: bool(info.missing))}
        for ref in self._answers.get(self._query, ()):
            found.setdefault(ref, self._models[ref])
        typed = self._typed()
        if typed is None or typed.ref in found:
            return list(found.values())
        # What is typed may be the start of a name that is listed: then the listed ones come first.
        known = any(self._query.lower() in name.lower() for name in names)
        return [*found.values(), typed] if known else [typed, *found.values()]

    def _typed(self) -> ModelInfo | None:
        """The model that is named in full by what is typed."""
        if any(sign.isspace() for sign in self._query):
            return None
        try:
            ref = ModelRef.parse(self._query)
        except ValueError:
            return None
        if ref.provider not in self._providers:
            return None
        return ModelInfo(
            ref=ref, title=ref.model, roles=frozenset(), note="In no list: taken as it is typed."
        )

    def _measure(self) -> None:
        """The widths of the columns, the same in all rows, whatever is typed."""
        shown = [*self._models.values(), *self._shown]
        provider, roles, price = (
            max((cell_len(words(info)) for info in shown), default=0) for words in (_provider, _roles, _price)
        )
        room = max(30, (self.size.width or 76) - 2) - provider - price - _LEAST_TITLE - 6
        self._widths = (provider, roles if roles <= room else room if room >= _LEAST_ROLES else 0, price)

    def _line(self, info: ModelInfo) -> Content:
        width = max(30, (self.size.width or 76) - 2)
        for_provider, for_roles, for_price = self._widths
        provider = fit(_provider(info), for_provider)
        roles = fit(_roles(info), for_roles) + "  " if for_roles else ""
        price = fit(_price(info), for_price, align="right")
        room = width - cell_len(provider) - cell_len(roles) - cell_len(price) - 4
        return Content.assemble(
            fit(one_line(info.title, most=200), room),
            (f"  {provider}  {roles}", "$text-muted"),
            (price, "$warning" if info.missing else "$text-muted"),
        )

    def on_resize(self) -> None:
        if self._shown:
            at = self.highlighted
            self._measure()
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


def _provider(info: ModelInfo) -> str:
    return one_line(info.ref.provider, most=16)


def _roles(info: ModelInfo) -> str:
    return role_words(info.roles)


def _price(info: ModelInfo) -> str:
    return missing_words(info.missing) if info.missing else price_words(info.price)
