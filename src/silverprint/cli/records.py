"""Jobs, pictures, models and parameters as the plain values that ``--json`` prints. Their names are an interface."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from silverprint.cli.output import path_text
from silverprint.core.job import Job, JobState
from silverprint.core.params import Form, ParamSpec
from silverprint.core.picture import Picture
from silverprint.core.provider import ModelInfo, Price, ProviderInfo
from silverprint.core.recipe import Recipe
from silverprint.core.update import Preview, Waiting, Working
from silverprint.store.codec import moment_text, recipe_json

if TYPE_CHECKING:
    from silverprint.studio import Studio


def picture_record(studio: Studio, picture: Picture) -> dict[str, Any]:
    """A picture of the library."""
    recipe, file = picture.recipe, picture.file
    return {
        "id": picture.id,
        "path": path_text(studio.path(picture)),
        "sha256": file.sha256,
        "pixels_sha256": file.pixels_sha256,
        "prompt": recipe.prompt,
        "negative": recipe.negative_prompt,
        "seed": picture.seed,
        "model": str(recipe.ref),
        "provider": recipe.ref.provider,
        "task": recipe.task,
        "rating": picture.rating,
        "tags": sorted(picture.tags),
        "boards": sorted(picture.boards),
        "starred": picture.starred,
        "made": moment_text(picture.made),
        "job": picture.job,
        "batch": picture.batch,
        "parent": picture.parent,
        "grade": picture.grade.value,
        "width": file.width,
        "height": file.height,
        "media_type": file.media_type,
        "bytes": file.size,
        "seconds": picture.seconds,
        "price_usd": picture.price_usd,
        "trashed": moment_text(picture.trashed) if picture.trashed is not None else None,
    }


def made_record(studio: Studio, picture: Picture) -> dict[str, Any]:
    """A picture that was just made, as the event ``picture``."""
    return {"event": "picture", **picture_record(studio, picture)}


def recipe_record(recipe: Recipe) -> dict[str, Any]:
    """A recipe, whole."""
    return {"model": str(recipe.ref), "provider": recipe.ref.provider, **recipe_json(recipe)}


def job_record(job: Job) -> dict[str, Any]:
    """A job."""
    return {
        "job": job.id,
        "batch": job.batch,
        "state": job.state.value,
        "prompt": job.recipe.prompt,
        "seed": job.recipe.seed,
        "model": str(job.recipe.ref),
        "provider": job.recipe.ref.provider,
        "created": moment_text(job.created),
        "changed": moment_text(job.changed),
        "tries": job.tries,
        "pictures": list(job.pictures),
        "price_usd": job.price_usd,
        "price_about": job.price_about if job.price_usd is not None else None,
        "parent": job.parent,
        "error": asdict(job.error) if job.error is not None else None,
    }


def failed_record(job: Job) -> dict[str, Any]:
    """A job that ended without a picture, as the event ``failed``."""
    note = job.error
    default = "cancelled" if job.state is JobState.CANCELLED else "the job did not end well"
    return {
        "event": "failed",
        "job": job.id,
        "state": job.state.value,
        "kind": note.kind if note is not None else job.state.value,
        "message": note.message if note is not None else default,
        "fix": note.fix if note is not None else "",
        "can_retry": note.can_retry if note is not None else True,
        "fields": dict(note.fields) if note is not None and note.fields else None,
    }


def progress_record(job_id: str, update: Waiting | Working | Preview) -> dict[str, Any]:
    """A step of a job, as the event ``progress``. Previews tell their step; their pixels are not printed."""
    record: dict[str, Any] = {"event": "progress", "job": job_id}
    match update:
        case Waiting():
            return record | {"state": "waiting", "place": update.place}
        case Working():
            return record | {
                "state": "working",
                "step": update.step,
                "steps": update.steps,
                "fraction": update.fraction,
                "note": update.note,
            }
        case Preview():
            return record | {"state": "preview", "step": update.step, "steps": update.steps}


def model_record(model: ModelInfo, price: Price | None = None) -> dict[str, Any]:
    """A model as the list shows it. ``price`` stands in for one that the model does not say itself."""
    price = model.price or price
    return {
        "model": str(model.ref),
        "provider": model.ref.provider,
        "title": model.title,
        "roles": sorted(model.roles),
        "price_usd": price.usd if price is not None else None,
        "price_about": price.about if price is not None else None,
        "price_source": price.source if price is not None else None,
        "price_as_of": price.as_of or None if price is not None else None,
        "licence": model.licence,
        "note": model.note,
        "examples": list(model.examples),
        "missing": model.missing,
    }


def provider_record(info: ProviderInfo) -> dict[str, Any]:
    """What a provider says of itself."""
    return {
        "provider": info.name,
        "title": info.title,
        "tasks": sorted(info.tasks),
        "parallel": info.parallel,
        "previews": info.previews,
        "cancels": info.cancels,
        "resumable": info.resumable,
        "idempotent": info.idempotent,
        "seed_honoured": info.seed_honoured,
        "seed_returned": info.seed_returned,
        "price_source": info.price_source,
        "results_live_s": info.results_live_s,
        "looks_up": info.looks_up,
        "needs_key": info.needs_key,
        "key_page": info.key_page or None,
    }


def form_record(form: Form) -> dict[str, Any]:
    """What a model takes."""
    return {
        "takes_negative": form.takes_negative,
        "takes_seed": form.takes_seed,
        "takes_loras": form.takes_loras,
        "seed_min": form.seed_min if form.takes_seed else None,
        "seed_max": form.seed_max if form.takes_seed else None,
        "takes_prompt": form.takes_prompt,
        "prompt_required": form.prompt_required,
        "prompt_most": form.prompt_most,
        "loras_most": form.loras_most if form.takes_loras else None,
        "sources": [
            {
                "role": source.role,
                "most": source.most,
                "required": source.required,
                "instead": list(source.instead),
                "strength": spec_record(source.strength) if source.strength is not None else None,
            }
            for source in form.sources
        ],
        "params": [spec_record(spec) for spec in form.params],
    }


def spec_record(spec: ParamSpec) -> dict[str, Any]:
    """A parameter."""
    return {
        "name": spec.name,
        "wire": spec.wire or spec.name,
        "kind": spec.kind.value,
        "default": spec.default,
        "required": spec.required,
        "low": spec.low,
        "high": spec.high,
        "step": spec.step,
        "choices": [{"value": choice.value, "title": choice.title} for choice in spec.choices],
        "title": spec.label,
        "help": spec.help,
        "group": spec.group,
    }
