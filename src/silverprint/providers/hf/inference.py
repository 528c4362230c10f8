"""Inference: one picture through Hugging Face's router, asked for in one call.

A few providers take the job and are asked again: that happens inside the same watch, for nobody can come back for the
answer later. Owns the form and the call; the providers' shapes are left to ``dialects.py``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ContentRefused,
    ProviderError,
    RateLimited,
    SilverprintError,
    Unreachable,
)
from silverprint.core.params import Choice, Form, ParamKind, ParamSpec
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import Recipe
from silverprint.core.schema import Shape, read_shape, request_body
from silverprint.core.update import Finished, Update, Working
from silverprint.providers.hf.dialects import DIALECTS, Later, Made, Wanted, choose, usable
from silverprint.providers.hf.hub import Served
from silverprint.providers.http import Service
from silverprint.providers.poll import Pace, pace_of, poll

ANSWER_S = 180.0
SETBACKS_MOST = 5
"""Questions in a row that may fail before the answer to a paid call counts as lost."""

_WORDS: dict[str, Any] = {
    "prompt": {"type": "string"},
    "negative_prompt": {"type": "string"},
    "width": {"type": "integer", "minimum": 1, "maximum": 4096},
    "height": {"type": "integer", "minimum": 1, "maximum": 4096},
    "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 500},
    "guidance_scale": {"type": "number", "minimum": 0, "maximum": 100},
}
_TEXT = {**_WORDS, "scheduler": {"type": "string"}, "seed": {"type": "integer", "minimum": 0}}
_IMAGE = {**_WORDS, "image": {"type": "string", "format": "binary"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a model takes through the router: ``shape`` builds the request, ``form`` has ``via`` beside."""

    shape: Shape
    form: Form


def offer_of(rows: tuple[Served, ...]) -> Offer:
    """The form of a model that these providers serve; with no rows, that of one that makes pictures from words."""
    tasks = {served.task for served in rows if usable(served)} or {served.task for served in rows}
    tasks = tasks or {"text-to-image"}
    text, image = "text-to-image" in tasks, "image-to-image" in tasks
    schema = {
        "type": "object",
        "required": [*(["prompt"] if text else []), *([] if text else ["image"])],
        "properties": {**(_TEXT if text else {}), **(_IMAGE if image else {})},
    }
    shape = read_shape(schema)
    names = list(dict.fromkeys(served.provider for served in rows if usable(served)))
    via = ParamSpec(
        name="via",
        kind=ParamKind.CHOICE,
        default="auto",
        choices=tuple(Choice(value=name) for name in ("auto", *names)),
        title="Via",
        help="The Inference Provider that makes it; auto takes the first that serves the model.",
        group="more",
    )
    return Offer(shape=shape, form=replace(shape.form, params=(*shape.form.params, via)))


class Inference:
    """Calls through the router at ``base``."""

    def __init__(self, context: ProviderContext, router: Service, *, base: str, via: str) -> None:
        self._context = context
        self._router = router
        self._base = base
        self._via = via
        self._pace = pace_of(context.settings, Pace(first_s=0.5, growth=1.3, most_s=3.0))

    def check(self, recipe: Recipe, rows: tuple[Served, ...]) -> Served:
        """The provider that will be asked. Raises BadRecipe when there is none."""
        task = "image-to-image" if recipe.source("image") is not None else "text-to-image"
        via = recipe.params.get("via")
        asked = via if isinstance(via, str) and via != "auto" else self._via
        return choose(rows, task=task, via=asked, repo=recipe.ref.model)

    async def run(self, recipe: Recipe, rows: tuple[Served, ...]) -> AsyncGenerator[Update, None]:
        """Make the call, once."""
        served = self.check(recipe, rows)
        wanted = await self._wanted(recipe, served, offer_of(rows).shape)
        dialect = DIALECTS[served.provider]
        asked = dialect.ask(wanted)
        place = f"{self._base}/{served.provider}"
        yield Working(note=f"at {served.provider}")
        answer = await self._router.create(
            f"{place}{asked.path}", json=asked.json, headers=asked.headers, answer_s=ANSWER_S
        )
        found = dialect.read(answer, asked)
        if isinstance(found, Later):
            assert dialect.again is not None
            setbacks = 0
            at = [found.path]
            yield found.news
            async for body in poll(
                lambda: self._again(f"{place}{at[0]}", served.provider),
                pace=self._pace,
                sleep=self._context.sleep,
            ):
                if isinstance(body, SilverprintError):
                    setbacks += 1
                    if setbacks >= SETBACKS_MOST:
                        raise AnswerLost(f"The answer of {served.provider} did not arrive: {body}") from body
                    continue
                setbacks = 0
                found = dialect.again(body, at[0])
                if isinstance(found, Made):
                    break
                at[0] = found.path
                yield found.news
        assert isinstance(found, Made)
        yield Finished(outputs=found.outputs, seed=found.seed if found.seed is not None else recipe.seed)

    async def _again(self, url: str, who: str) -> dict[str, Any] | Unreachable | RateLimited:
        """A question that costs nothing. What may mend is given back: the job was taken and must not be sent again.

        Raises AnswerLost for what will not mend, but lets pass what a finished job was refused for.
        """
        try:
            return (await self._router.ask(url)).object()
        except (Unreachable, RateLimited) as error:
            return error
        except (BadRecipe, ContentRefused) as error:
            if "/status" not in url and "_subdomain=queue" in url:
                raise
            raise AnswerLost(f"{who} took the job and does not tell of it: {error}") from error
        except ProviderError as error:
            raise AnswerLost(f"{who} took the job and does not tell of it: {error}") from error

    async def _wanted(self, recipe: Recipe, served: Served, shape: Shape) -> Wanted:
        source = recipe.source("image")
        image: bytes | None = None
        if source is not None:
            try:
                image = await self._context.read_source(source.sha256)
            except SilverprintError as error:
                raise BadRecipe(str(error), fields={"image": str(error)}, fix=error.fix) from error
        params = {name: value for name, value in recipe.params.items() if name != "via"}
        links = {source.sha256: "image"} if source is not None else {}
        body = request_body(shape, replace(recipe, params=params), links=links)
        body.pop("image", None)
        prompt = body.pop("prompt", "")
        if image is not None:
            body.pop("seed", None)  # no provider documents one here
            body.pop("scheduler", None)
        if not isinstance(prompt, str):
            raise BadAnswer("The prompt is no text.")
        return Wanted(repo=recipe.ref.model, served=served, prompt=prompt, params=body, image=image)
