"""Cloud services for screen tests: fakes with a key, a price, a list of past requests and several models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from silverprint.core.errors import ModelGone
from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.provider import ModelInfo, Price, ProviderContext
from silverprint.core.recipe import ModelRef
from silverprint.testing.account import GOOD_KEY
from silverprint.testing.provider import FakeProvider

MARKED = "sk-MARKED-0123456789abcdef-KEY"
"""The one key that the clouds accept; nothing that is shown or written may hold it."""

BIG = Form(
    params=(
        ParamSpec(
            name="size",
            kind=ParamKind.SIZE,
            default="square_hd",
            low=64,
            high=4096,
            choices=(Choice(value="square_hd"), Choice(value="landscape_4_3"), Choice(value="portrait_4_3")),
        ),
        ParamSpec(name="steps", kind=ParamKind.INTEGER, default=28, low=1, high=50),
        ParamSpec(name="outputs", kind=ParamKind.INTEGER, default=1, low=1, high=4),
        ParamSpec(name="enable_safety_checker", kind=ParamKind.SWITCH, default=True, group="more"),
        ParamSpec(name="control_parts", kind=ParamKind.JSON, holds="list", default=[], group="more"),
        *(
            ParamSpec(
                name=f"extra_number_{number}", kind=ParamKind.NUMBER, default=1.0, low=0, high=9, group="more"
            )
            for number in range(24)
        ),
    ),
    sources=(SourceSpec(role="image"), SourceSpec(role="reference", most=3)),
    takes_seed=True,
    takes_loras=True,
    loras_most=3,
)


class Cloud(FakeProvider):
    """A service named ``name`` whose key is looked for as a real one's is. ``models`` are the names of its models; it
    finds ``hidden`` ones only when it is asked for them."""

    def __init__(
        self,
        name: str,
        context: ProviderContext,
        *,
        models: Sequence[str] = ("swift", "grand"),
        hidden: Sequence[str] = (),
        usd: float | None = 0.014,
        needs_key: bool = True,
        **options: Any,
    ) -> None:
        price = None if usd is None else Price(usd=usd, about=True, source="table")
        super().__init__(name, needs_key=needs_key, price=price, **options)
        self.info = replace(self.info, title=name.capitalize(), key_page=f"https://{name}.example/keys")
        self.context = context
        self.queries: list[str] = []
        self._models = tuple(models)
        self._hidden = tuple(hidden)
        self._usd = usd
        self._needs_key = needs_key

    def _look_at_key(self) -> None:
        key = self.context.secret(self.info.key_name) if self._needs_key else None
        self.account.key = GOOD_KEY if key == MARKED else key

    def _info(self, model: str) -> ModelInfo:
        self._look_at_key()
        return ModelInfo(
            ref=ModelRef(self.info.name, model),
            title=f"{model.rpartition('/')[2].capitalize()} of {self.info.title}",
            roles=frozenset({"text", "image", "reference"}),
            price=None if self._usd is None else Price(usd=self._usd, about=True),
            missing="needs a key" if self._needs_key and self.account.key is None else "",
        )

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """Its catalogue; for a query also what only a search finds."""
        self.queries.append(query)
        await self._pass("models")
        if not query:
            return [self._info(model) for model in self._models]
        return [self._info(model) for model in (*self._models, *self._hidden)]

    async def form(self, ref: ModelRef) -> Form:
        """A big form, for any of its models."""
        await self._pass("form")
        if ref.model not in (*self._models, *self._hidden):
            raise ModelGone(f"{self.info.title} has no model {ref.model}.")
        return BIG

    async def submit(self, recipe: Any, *, job_id: str) -> Any:
        """As the fake does, with the key that is set now."""
        self._look_at_key()
        self.attempts.append(job_id)
        await self._pass("submit")
        self.account.check()
        self._count(job_id)
        await self._pass("taken")
        return self.ticket(job_id, steps=3, size="64x64")

    async def probe(self) -> str:
        """Whether the key is good."""
        self._look_at_key()
        return await super().probe()


class Sky:
    """Clouds by name: ``factories`` are for a studio, ``made`` are those that were loaded."""

    def __init__(self, **clouds: dict[str, Any]) -> None:
        self.made: dict[str, Cloud] = {}
        self.factories: dict[str, Callable[[ProviderContext], Cloud]] = {
            name: self._factory(name, options) for name, options in clouds.items()
        }

    def _factory(self, name: str, options: dict[str, Any]) -> Callable[[ProviderContext], Cloud]:
        def create(context: ProviderContext) -> Cloud:
            cloud = Cloud(context.name or name, context, **options)
            self.made[cloud.info.name] = cloud
            return cloud

        return create
