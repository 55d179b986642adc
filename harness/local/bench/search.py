"""Searches the settings for the fastest whose images stay what they are.

Staged and greedy: field by field, each value is tried on top of the best so far and kept if it is faster beyond both
intervals, within the bound. What is cheap to try comes first, so that a search that has to end early has lost little. A
combination of values of which each alone is slower is never found. Then diffusers' defaults and the winner are measured
again in alternation, each time in new processes, so that neither has the cooler card or the luckier compilation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from arena.errors import ArenaError
from arena.metrics.intervals import quantile
from arena.units import format_duration_s, format_ms
from harness.local.bench.distance import Distance, between_files
from harness.local.bench.measured import Answer, Question, Refusal, Workload
from harness.local.settings import LocalSettings, Speed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from arena.metrics.base import Figure

DEFAULTS = "diffusers' defaults"
ROUNDS = 2
"""How often defaults and winner are measured again, in alternation, once the search is over."""

SPACE: dict[str, tuple[tuple[str, tuple[Any, ...]], ...]] = {
    "cuda": (
        ("dtype", ("float16",)),
        ("attention", ("flash", "cudnn", "efficient")),
        ("channels_last", (True,)),
        ("compile", ("default", "reduce-overhead", "max-autotune")),
        ("quantization", ("int8", "float8")),
    ),
    "mps": (("dtype", ("float16",)), ("attention", ("math",)), ("channels_last", (True,))),
    "cpu": (
        ("dtype", ("bfloat16",)),
        ("channels_last", (True,)),
        ("compile", ("default", "max-autotune")),
        ("quantization", ("int8",)),
    ),
}
"""By kind of device, which values of which field of `Speed` are tried, in this order. Written for what a device can
gain from; a value that it does not have is refused by the pipeline, with the reason."""

_OFFLOADS = ("none", "model", "sequential")


class Asker(Protocol):
    """Whoever measures: `Processes`, or a test's."""

    def ask(self, question: Question, timeout_s: float) -> tuple[Answer | Refusal, Path]:
        """The answer, or why there is none, and the directory of its images."""


@dataclass(slots=True)
class Candidate:
    """A setting and what was measured of it; `speed` None is diffusers' own pipeline. Rounds pool their repetitions."""

    name: str
    speed: Speed | None
    answers: list[Answer] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    distance: Distance | None = None
    refused: str | None = None
    out_of_memory: bool = False
    took_s: float = 0.0

    @property
    def latency_ms(self) -> Figure:
        """The median of all repetitions, with its interval; of several processes as far as these agree."""
        values = [value for answer in self.answers for value in answer.latencies_ms]
        processes = [i for i, answer in enumerate(self.answers) for _ in answer.latencies_ms]
        return quantile(values, 0.5, processes)

    def images(self, index: int = 0) -> list[Path]:
        """The files of the images that are compared, as the answer at `index` made them."""
        return [self.places[index] / name for name in self.answers[index].images]

    def is_faster_than(self, other: Candidate) -> bool:
        """Whether its whole interval is below the other's; without intervals, nothing is known to be faster."""
        mine, theirs = self.latency_ms, other.latency_ms
        return mine.high is not None and theirs.low is not None and mine.high < theirs.low


@dataclass(slots=True)
class Bench:
    """One search. What is measured is kept as it comes, so that one that is interrupted has its results, too.

    `winner` is the best so far of those within the bound; `ended_early` says why not everything was measured.
    """

    asker: Asker
    settings: LocalSettings
    workload: Workload
    max_distance: float
    within_s: float
    now_s: Callable[[], float]
    say: Callable[[str], None]
    batches: tuple[int, ...] = ()
    defaults: Candidate = field(default_factory=lambda: Candidate(DEFAULTS, None))
    candidates: list[Candidate] = field(default_factory=list)
    winner: Candidate | None = None
    ended_early: str | None = None
    _begin_s: float = 0.0

    def run(self) -> None:
        """Measure until done or out of time. ArenaError when diffusers' own pipeline does not run at all."""
        self._begin_s = self.now_s()
        self._measure_defaults()
        base = self._base()
        if base is not None:
            self._search(base)
        if self.winner is not None:
            self._alternate(self.winner)

    @property
    def floor(self) -> Distance | None:
        """How far the images of two processes of the defaults are apart; None until there are two."""
        if len(self.defaults.answers) < 2:
            return None
        return between_files(self.defaults.images(1), self.defaults.images(0))

    def is_within(self, candidate: Candidate) -> bool:
        """Whether every compared image of a candidate is within the bound."""
        return candidate.distance is not None and candidate.distance.within(self.max_distance)

    def _measure_defaults(self) -> None:
        for offload in _OFFLOADS:
            speed = Speed(offload=offload)
            said = self._ask(self.defaults, "defaults", speed, self._left_s(), count=True)
            if isinstance(said, Answer):
                self.defaults.name += "" if offload == "none" else f", offload={offload}"
                self._tell(self.defaults)
                return
            if not said.out_of_memory or offload == _OFFLOADS[-1]:
                raise ArenaError(f"diffusers' own pipeline cannot be measured: {said.reason}")

    def _base(self) -> Candidate | None:
        """The server as it is; where it does not fit, with weights that are moved to the device as they are used."""
        for offload in _OFFLOADS:
            base = self._try(Speed(offload=offload), self._left_s())
            if base.answers:
                return base
            if not base.out_of_memory:
                break
        return None

    def _search(self, best: Candidate) -> None:
        self.winner = best if self.is_within(best) else None
        kind = self.defaults.answers[0].environment.device.partition(":")[0]
        for name, values in SPACE[kind]:
            tried = best.speed or Speed()
            for value in values:
                left_s = self._left_s() - ROUNDS * (self.defaults.took_s + best.took_s)
                if left_s < best.took_s:
                    self.ended_early = "the time was up before every setting was tried"
                    return
                # Never all that is left: one that compiles without end would be the last that is tried.
                given_s = max(min(2 * best.took_s, left_s), left_s / 2)
                candidate = self._try(_with(tried, name, value), given_s)
                if self.is_within(candidate) and (self.winner is None or candidate.is_faster_than(best)):
                    self.winner = best = candidate

    def _alternate(self, best: Candidate) -> None:
        """Defaults and winner again, in turns; the last turn also measures them by the batch."""
        for turn in range(ROUNDS):
            for candidate in (self.defaults, best):
                if self._left_s() < candidate.took_s / 2:
                    self.ended_early = "the time was up before defaults and winner were measured again"
                    return
                if not self._again(candidate, self.batches if turn == ROUNDS - 1 else ()):
                    return

    def _again(self, candidate: Candidate, batches: tuple[int, ...]) -> bool:
        subject: Literal["defaults", "engine"] = "defaults" if candidate is self.defaults else "engine"
        speed = candidate.speed or self.defaults_speed()
        if batches and candidate.speed is not None:
            speed = speed.model_copy(update={"max_batch": max(batches)})
        said = self._ask(candidate, subject, speed, self._left_s(), batches=batches)
        if isinstance(said, Refusal):
            self.ended_early = f"of {candidate.name} one of the last measurements is missing, {said.reason}"
            return False
        self._tell(candidate)
        return True

    def defaults_speed(self) -> Speed:
        """What of `Speed` diffusers' own pipeline needs to run at all: whether it offloads."""
        _, _, offload = self.defaults.name.partition("offload=")
        return Speed.model_validate({"offload": offload or "none"})

    def _try(self, speed: Speed, timeout_s: float) -> Candidate:
        candidate = Candidate(name_of(speed), speed)
        self.candidates.append(candidate)
        said = self._ask(candidate, "engine", speed, timeout_s)
        if isinstance(said, Refusal):
            candidate.refused, candidate.out_of_memory = said.reason, said.out_of_memory
        else:
            candidate.distance = between_files(candidate.images(), self.defaults.images())
        self._tell(candidate)
        return candidate

    def _ask(
        self,
        candidate: Candidate,
        subject: Literal["defaults", "engine"],
        speed: Speed,
        timeout_s: float,
        *,
        batches: tuple[int, ...] = (),
        count: bool = False,
    ) -> Answer | Refusal:
        question = Question(
            subject=subject,
            settings=self.settings.model_copy(update={"speed": speed}),
            workload=self.workload.model_copy(update={"batches": batches}),
            count=count,
        )
        self.say(f"{candidate.name} … (at most {format_duration_s(timeout_s)})")
        begin_s = self.now_s()
        said, place = self.asker.ask(question, max(1.0, timeout_s))
        if isinstance(said, Answer):
            candidate.answers.append(said)
            candidate.places.append(place)
            candidate.took_s = self.now_s() - begin_s
        return said

    def _left_s(self) -> float:
        return self._begin_s + self.within_s - self.now_s()

    def _tell(self, candidate: Candidate) -> None:
        if candidate.refused is not None:
            self.say(f"{candidate.name}: {candidate.refused}")
            return
        away = "" if candidate.distance is None else f", worst distance {candidate.distance.worst:.3f}"
        self.say(f"{candidate.name}: {format_ms(candidate.latency_ms.value)}{away}")


def _with(speed: Speed, name: str, value: Any) -> Speed:
    """A speed with another value, and with what that value goes with."""
    bound = {"dtype": "auto"} if value == "float8" else {}  # bfloat16 on what has float8
    return speed.model_copy(update={name: value, **bound})


def name_of(speed: Speed) -> str:
    """A setting by what it differs in from the server's defaults: `attention=flash compile=default`."""
    plain = Speed()
    differing = {name: value for name, value in speed if value != getattr(plain, name)}
    return " ".join(f"{name}={value}" for name, value in differing.items()) or "arena local serve, as it is"
