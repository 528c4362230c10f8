"""Lanes: whose turn it is at every provider, and what holds a lane back: a person, its account, the budget.

Owns pausing and going on, and tells of both. Running the jobs is left to ``runner.py``; a lane by itself is in
``limits.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any

from silverprint.core.budget import Standing
from silverprint.core.errors import LibraryBusy, SilverprintError
from silverprint.core.events import Event, QueuePaused
from silverprint.core.job import Job
from silverprint.queue.desk import Desk
from silverprint.queue.limits import Hold, HoldKind, Lane
from silverprint.queue.outcome import Failure, outcome
from silverprint.queue.view import View


class Lanes:
    """All lanes of a runner. ``start`` is called with a lane and the id of the job whose turn has come there.

    ``standing`` tells how the budget stands; ``is_open`` whether anything may start at all.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        view: View,
        parallel: Mapping[str, int],
        publish: Callable[[Event], None],
        start: Callable[[Lane, Job], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        is_open: Callable[[], bool],
        standing: Callable[[], Awaitable[Standing]],
    ) -> None:
        self._desk = desk
        self._view = view
        self._parallel = parallel
        self._publish = publish
        self._start = start
        self._spawn = spawn
        self._is_open = is_open
        self._standing = standing
        self._lanes: dict[str, Lane] = {}
        self._waking: set[str] = set()
        self.paused = False

    def __contains__(self, job_id: str) -> bool:
        return any(job_id in lane for lane in self._lanes.values())

    def of(self, name: str) -> Lane:
        """The lane of a provider."""
        if name not in self._lanes:
            self._lanes[name] = Lane(name, self._parallel.get(name))
        return self._lanes[name]

    def push(self, job: Job, *, free: bool = False) -> Lane:
        """Let a job wait in its lane. ``free``: going on with it costs nothing, whatever its price."""
        lane = self.of(job.recipe.ref.provider)
        lane.push(job, free=free or job.price_usd == 0 or job.ticket is not None or job.incoming is not None)
        return lane

    def discard(self, job: Job) -> bool:
        """Take a waiting job out; whether it was there."""
        return self.of(job.recipe.ref.provider).discard(job.id)

    def pump(self, lane: Lane) -> None:
        """Start what may start. Called whenever that could have changed."""
        if not self._is_open() or self.paused:
            return
        now = self._desk.clock()
        while (job_id := lane.take(now)) is not None:
            job = self._view.get(job_id)
            assert job is not None
            self._start(lane, job)
        left_s = lane.rest_left_s(now)
        if left_s > 0 and len(lane) and lane.name not in self._waking:
            self._waking.add(lane.name)
            self._spawn(self._wake(lane, left_s))

    async def _wake(self, lane: Lane, left_s: float) -> None:
        await self._desk.sleep(left_s)
        self._waking.discard(lane.name)
        self.pump(lane)

    # what holds them back

    def reasons(self) -> dict[str, str]:
        """The lanes that are held, each with the reason."""
        return {name: lane.hold.reason for name, lane in sorted(self._lanes.items()) if lane.hold is not None}

    def is_barred(self, name: str) -> bool:
        """Whether the provider's account is known to be no good, so that sending to it would be in vain."""
        hold = self.of(name).hold
        return hold is not None and hold.kind is HoldKind.ACCOUNT

    def pause(self, provider: str | None, reason: str = "") -> None:
        """A person wants no further job started, at one provider or at all."""
        if provider is None:
            self.paused = True
        else:
            self.of(provider).hold = Hold(HoldKind.PERSON, reason)
        self._publish(QueuePaused(True, provider, reason))

    def trouble(self, error: SilverprintError) -> None:
        """The disk fails: start nothing more that would be paid for and have no place to go."""
        if not self.paused and not isinstance(error, LibraryBusy):
            self.pause(None, f"{error} {error.fix}".strip())

    def resume(self, provider: str | None) -> None:
        """A person wants it to go on, at one provider or everywhere, whatever held it."""
        lanes = self._all() if provider is None else [self.of(provider)]
        if provider is None:
            self.paused = False
        for lane in lanes:
            lane.hold = None
        self._publish(QueuePaused(False, provider))
        for lane in lanes:
            self.pump(lane)

    def hold(self, provider: str, hold: Hold) -> None:
        """Something holds a lane back by itself. A person's own pause stays, and the budget tops nothing."""
        lane = self.of(provider)
        if lane.hold is not None and (lane.hold.kind is hold.kind or hold.kind is HoldKind.BUDGET):
            return
        if lane.hold is not None and lane.hold.kind is HoldKind.PERSON:
            return
        lane.hold = hold
        self._publish(QueuePaused(True, provider, hold.reason))

    def release(self, provider: str, kinds: Collection[HoldKind]) -> None:
        """What held a lane back is over, if it is one of ``kinds``."""
        lane = self.of(provider)
        if lane.hold is None or lane.hold.kind not in kinds:
            return
        lane.hold = None
        self._publish(QueuePaused(False, provider))
        self.pump(lane)

    @property
    def wait_for_room(self) -> bool:
        """Whether the budget holds any lane back."""
        return any(True for _ in self._short())

    async def look_for_room(self) -> None:
        """Let lanes go on that the budget held back and that have room now: it was lifted or raised, a new day has
        begun, or something cost less than was set aside. The gate itself stands where the job is written.
        """
        if not self.wait_for_room:
            return
        standing = await outcome(self._standing(), "The database")
        if isinstance(standing, Failure):
            return
        for lane in list(self._short()):
            first = lane.first_paying()
            if first is None and lane.running:
                continue  # the one that was refused is on its way back
            job = self._view.get(first) if first is not None else None
            if job is None or standing.refusal(job.price_usd) is None:
                self.release(lane.name, (HoldKind.BUDGET,))

    def _short(self) -> Iterable[Lane]:
        return (lane for lane in self._all() if lane.hold is not None and lane.hold.kind is HoldKind.BUDGET)

    def _all(self) -> list[Lane]:
        return list(self._lanes.values())
