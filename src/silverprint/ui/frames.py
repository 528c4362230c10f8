"""Roll: the frames of the filmstrip: pictures as they were made, then the jobs on their way; and which is on view.

Pure values, no widget: what comes in is the services' news and a person's steps, what comes out is what to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from silverprint.core.events import Event, JobChanged, PictureAdded, PictureChanged
from silverprint.core.image import RawImage
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.core.update import Preview, Waiting, Working

MOST = 120

Progress: TypeAlias = Waiting | Working


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One place in the filmstrip: a ``picture``, or the ``job`` that will be one, with its newest ``progress``."""

    key: str
    picture: Picture | None = None
    job: Job | None = None
    progress: Progress | None = None
    preview: RawImage | None = None

    @property
    def batch(self) -> str:
        """The batch it belongs to."""
        return self.picture.batch if self.picture is not None else self.job.batch if self.job else ""

    @property
    def seed(self) -> int | None:
        """The seed used, or the one that will be."""
        if self.picture is not None:
            return self.picture.seed
        return self.job.recipe.seed if self.job is not None else None

    @property
    def fraction(self) -> float | None:
        """How much of a running job is done, 0..1, where it is known."""
        return self.progress.fraction if isinstance(self.progress, Working) else None


class Roll:
    """The frames, oldest first. While ``follows`` is true the newest job that moves is on view; a step to another
    frame ends that, a step to the last begins it again."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.follows = True
        self._key: str | None = None
        self._batch: str | None = None

    @property
    def chosen(self) -> Frame | None:
        """The frame on view."""
        return next((frame for frame in self.frames if frame.key == self._key), None)

    @property
    def at(self) -> int:
        """The place of the frame on view, -1 when there is none."""
        return next((at for at, frame in enumerate(self.frames) if frame.key == self._key), -1)

    def pictures(self) -> list[Picture]:
        """The finished pictures, oldest first."""
        return [frame.picture for frame in self.frames if frame.picture is not None]

    def start(self, pictures: Sequence[Picture], jobs: Iterable[Job], chosen: str | None = None) -> None:
        """Begin with the library's newest ``pictures``, oldest first, and the queue's jobs."""
        known = {picture.job for picture in pictures}
        self.frames = [Frame(key=picture.id, picture=picture) for picture in pictures]
        self.frames += [
            Frame(key=job.id, job=job) for job in jobs if _has_a_frame(job) and job.id not in known
        ]
        keys = [frame.key for frame in self.frames]
        self._key = chosen if chosen in keys else (keys[-1] if keys else None)
        self.follows = not keys or self._key == keys[-1]

    def follow(self, jobs: Sequence[Job]) -> None:
        """Follow the batch that was just sent: its frames stand at the end, and the first comes on view."""
        known = {frame.key for frame in self.frames} | {picture.job for picture in self.pictures()}
        self.frames += [Frame(key=job.id, job=job) for job in jobs if job.id not in known]
        self._trim()
        batch = jobs[0].batch
        self.follows = True
        self._batch = batch
        mine = [frame.key for frame in self.frames if frame.batch == batch]
        if mine:
            self._key = mine[0]

    def step(self, by: int) -> None:
        """Go ``by`` frames to the right, as far as there are any."""
        if not self.frames:
            return
        here = self.at if self.at >= 0 else len(self.frames) - 1
        self.pick(self.frames[max(0, min(len(self.frames) - 1, here + by))].key)

    def pick(self, key: str) -> None:
        """Put the frame with this key on view."""
        self._key = key
        self.follows = bool(self.frames) and self.frames[-1].key == key
        if self.follows:
            self._batch = None

    def hear(self, event: Event) -> bool:
        """Take in a change. True when the frames are different now."""
        match event:
            case JobChanged(job):
                return self._job(job)
            case PictureAdded(picture):
                return self._add(picture)
            case PictureChanged(picture):
                return self._change(picture)
        return False

    def move(self, job_id: str, update: Waiting | Working | Preview) -> bool:
        """Take in progress. True when a frame is different now."""
        for at, frame in enumerate(self.frames):
            if frame.key == job_id:
                if isinstance(update, Preview):
                    self.frames[at] = replace(frame, preview=update.image)
                else:
                    self.frames[at] = replace(frame, progress=update)
                self._look_at(frame)
                return True
        return False

    def _job(self, job: Job) -> bool:
        at = self._place(job.id)
        if not _has_a_frame(job):
            if at is None:
                return False
            gone = self.frames.pop(at)
            if gone.key == self._key:
                self._fall_back(at)
            return True
        if at is not None:
            frame = self.frames[at]
            moving = job.state in (JobState.SENDING, JobState.RUNNING, JobState.SAVING)
            self.frames[at] = replace(
                frame,
                job=job,
                progress=frame.progress if moving else None,
                preview=frame.preview if moving else None,
            )
            if job.state is not JobState.WAITING:
                self._look_at(frame)
        else:
            self.frames.append(Frame(key=job.id, job=job))
            self._trim()
        return True

    def _add(self, picture: Picture) -> bool:
        if self._place(picture.id) is not None:
            return self._change(picture)
        fresh = Frame(key=picture.id, picture=picture)
        at = self._place(picture.job)
        if at is not None:
            was_on_view = self._key == picture.job
            self.frames[at] = fresh
            if was_on_view or self._wants(picture.batch):
                self._key = picture.id
        else:
            siblings = [here for here, frame in enumerate(self.frames) if frame.picture and frame.picture.job == picture.job]  # fmt: skip
            self.frames.insert(siblings[-1] + 1 if siblings else self._first_job(), fresh)
            if self._key is None:
                self._key = picture.id
        self._trim()
        return True

    def _change(self, picture: Picture) -> bool:
        at = self._place(picture.id)
        if picture.trashed is not None:
            if at is None:
                return False
            del self.frames[at]
            if self._key == picture.id:
                self._fall_back(at)
            return True
        if at is not None:
            self.frames[at] = replace(self.frames[at], picture=picture)
            return True
        # Brought back from the trash: to its place by age among the pictures.
        later = [here for here, frame in enumerate(self.frames) if frame.picture and frame.picture.made > picture.made]  # fmt: skip
        if later and later[0] == 0 and len(self.frames) >= MOST:
            return False
        self.frames.insert(later[0] if later else self._first_job(), Frame(key=picture.id, picture=picture))
        self._key = picture.id
        return True

    def _look_at(self, frame: Frame) -> None:
        if frame.job is not None and self._wants(frame.job.batch):
            self._key = frame.key

    def _wants(self, batch: str) -> bool:
        return self.follows and (self._batch is None or self._batch == batch)

    def _fall_back(self, at: int) -> None:
        self._key = self.frames[min(at, len(self.frames) - 1)].key if self.frames else None

    def _place(self, key: str) -> int | None:
        return next((at for at, frame in enumerate(self.frames) if frame.key == key), None)

    def _first_job(self) -> int:
        return next((at for at, frame in enumerate(self.frames) if frame.job is not None), len(self.frames))

    def _trim(self) -> None:
        while len(self.frames) > MOST:
            oldest = next((at for at, frame in enumerate(self.frames) if frame.key != self._key), None)
            if oldest is None:
                return
            del self.frames[oldest]


def _has_a_frame(job: Job) -> bool:
    return job.state not in (JobState.DONE, JobState.CANCELLED)
