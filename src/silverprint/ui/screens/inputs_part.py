"""InputsPart: the part of the Studio about what goes in beside the words, pictures and LoRAs, and what that costs.

It also looks what the model still lacks, such as a key. The draft is changed through ``_edit``, which keeps it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on

from silverprint.core.errors import SilverprintError
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, Price
from silverprint.core.recipe import Source
from silverprint.core.text import one_line
from silverprint.ui import composition
from silverprint.ui.path_text import path_of
from silverprint.ui.screens.base import News
from silverprint.ui.screens.picture_actions import PictureActions
from silverprint.ui.widgets.lora_list import LoraList
from silverprint.ui.widgets.source_list import SourceList

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft
    from silverprint.studio import Studio

_PRICE_PAUSE_S = 0.25


class InputsPart(PictureActions):
    """What the Studio's left side stands on."""

    def __init__(self, studio: Studio, news: News, *, draft: Draft) -> None:
        super().__init__(studio, news)
        self.draft = draft
        self.form: Form | None = None
        self.info: ModelInfo | None = None
        self.ref = composition.reference(draft, studio.settings.default_model)
        self._price: Price | None = None
        self._is_priced = False
        self._runs_here = False

    def _edit(self, **changes: Any) -> None:
        raise NotImplementedError

    def _say_develop(self) -> None:
        raise NotImplementedError

    # money, and what is missing

    def _ask_price(self) -> None:
        """Ask what the request costs; the newest question wins."""
        if self.form is not None and not self._runs_here:
            self.beside(partial(self._find_price, self.form), group="price", exclusive=True)

    async def _find_price(self, form: Form) -> None:
        await asyncio.sleep(_PRICE_PAUSE_S)
        price = await self.studio.price(composition.recipe_of(self.draft, self.ref, form))
        self._price, self._is_priced = price, True
        self._say_develop()

    def on_screen_resume(self) -> None:
        """A key may have been added meanwhile."""
        if self.info is not None and self.info.missing:
            self.beside(self._look_what_is_missing, group="missing", exclusive=True)

    async def _look_what_is_missing(self) -> None:
        info = self.info
        if info is None:
            return
        models = await self.studio.models_of(info.ref.provider)
        found = next((model for model in models if model.ref == info.ref), None)
        if found is not None and self.info is info:
            self.info = found
        self._say_develop()

    # inputs

    @on(SourceList.Added)
    async def _source_added(self, message: SourceList.Added) -> None:
        sources = self.query_one(SourceList)
        try:
            sha256 = await self.studio.sources.add(path_of(message.text))
        except SilverprintError as error:
            sources.complain(f"{error} {error.fix}")
            return
        spec = self.form.source(message.role) if self.form else None
        strength = spec.strength.default if spec and spec.strength else None
        source = Source(role=message.role, sha256=sha256, strength=strength, name=path_of(message.text).name)
        self._edit(sources=(*self.draft.sources, source))
        sources.close_path()
        await self._fill_sources()

    @on(SourceList.Removed)
    async def _source_removed(self, message: SourceList.Removed) -> None:
        self._edit(sources=tuple(s for at, s in enumerate(self.draft.sources) if at != message.at))
        await self._fill_sources()

    @on(SourceList.StrengthChanged)
    def _strength_changed(self, message: SourceList.StrengthChanged) -> None:
        sources = list(self.draft.sources)
        sources[message.at] = replace(sources[message.at], strength=message.strength)
        self._edit(sources=tuple(sources))

    async def _fill_sources(self) -> None:
        if self.form is not None:
            await self.query_one(SourceList).show(self.form.sources, self.draft.sources)
            self._say_develop()
            self._ask_price()

    @on(LoraList.Changed)
    async def _loras_changed(self, message: LoraList.Changed) -> None:
        self._edit(loras=message.loras)
        await self._fill_loras()
        self._ask_price()

    async def _fill_loras(self) -> None:
        if self.form is not None:
            loras = self.query_one(LoraList)
            loras.set_class(not self.form.sources, "-first")
            await loras.show(
                self.draft.loras,
                taken=self.form.takes_loras,
                weight=self.form.lora_weight,
                most=self.form.loras_most,
            )


def missing_words(provider: str, missing: str) -> str:
    """What a model lacks and the key that opens where it is put right, short enough for the line of Develop."""
    words = one_line(missing, most=60)
    return f"{one_line(provider, most=20)} {words} · alt+5 adds one" if words.endswith("key") else words
