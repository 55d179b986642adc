"""The requests that show what endpoints really do: made so that `arena.reports.behaviour` finds its cases in the rows.

    seeds    each prompt several times with one seed, with several, and with none, one call after the other
    several  two images a call, at the endpoints that declare it
    pauses   nothing for a while, then one call and some that follow it at once; as often as asked

Each is an ordinary run over all the endpoints, and all of them have one plan name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arena.domain.plan import LoadProfile, Plan, RequestTemplate, Selection
from arena.domain.purpose import RunPurpose
from arena.domain.request import ImageFormat, Mode
from arena.reports.behaviour import NAME
from arena.reports.families import describe_pause
from harness.capacity_steps import stamp
from harness.plan import estimate, prepare, trial_seed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from decimal import Decimal

    from arena.catalog import Catalog
    from arena.domain.endpoint import Endpoint
    from arena.domain.plan import Trial
    from harness.plan import Prepared

PROMPTS, REPEATS, FOLLOWING, SEVERAL = 2, 3, 4, 2


@dataclass(frozen=True, slots=True)
class Look:
    """One look at some endpoints: what is asked for, and how long and how often nothing is sent."""

    catalog: Catalog
    endpoints: tuple[Endpoint, ...]
    size: str
    image_format: ImageFormat
    pause_s: float
    pauses: int
    name: str
    today: date

    def runs(self) -> list[tuple[float, Prepared]]:
        """Each run and the seconds of pause before it; ConfigError says what an endpoint cannot be asked for."""
        found = [(0.0, self._seeds())]
        able = [e for e in self.endpoints if e.limits.max_n >= SEVERAL]
        if able:
            found.append((0.0, self._prepared("several images a call", able, 1, seed=1, n=SEVERAL)))
        for index in range(self.pauses):
            description = describe_pause(self.pause_s)
            block = self._prepared(description, self.endpoints, 1 + FOLLOWING, seed=2 + index, prompts=1)
            found.append((self.pause_s, block))
        return found

    def _seeds(self) -> Prepared:
        """Of each prompt: some repetitions with the seed of the first, some each with its own, some with none."""
        whole = self._prepared("seeds", self.endpoints, 3 * REPEATS, seed=0)

        def seed(trial: Trial) -> int | None:
            if trial.repetition >= 2 * REPEATS:
                return None
            same = trial.repetition < REPEATS
            return trial_seed(whole.plan, whole.prompts[trial.prompt_id], 0) if same else trial.seed

        return replace(whole, trials=tuple(t.model_copy(update={"seed": seed(t)}) for t in whole.trials))

    def _prepared(
        self,
        description: str,
        endpoints: Sequence[Endpoint],
        repetitions: int,
        *,
        seed: int,
        n: int = 1,
        prompts: int = PROMPTS,
    ) -> Prepared:
        plan = Plan(
            name=self.name,
            purpose=RunPurpose.BEHAVIOUR,
            description=description,
            seed=seed,
            endpoints=tuple(e.id for e in endpoints),
            prompts=Selection(sets=("core",), modes=(Mode.TEXT_TO_IMAGE,), limit=prompts),
            request=RequestTemplate.model_validate({"size": self.size, "format": self.image_format, "n": n}),
            repetitions=repetitions,
            load=LoadProfile(kind="closed", in_flight=1),
        )
        return prepare(plan, "behaviour", self.catalog, today=self.today)


def new_name() -> str:
    """A name for the plans of a new look."""
    return f"{NAME}-{stamp()}"


def worst_case_usd(runs: Sequence[tuple[float, Prepared]]) -> Decimal | None:
    """What all runs cost at most by the price book, or None where a price is not known."""
    expected = [estimate(prepared) for _, prepared in runs]
    if any(one.unpriced for one in expected):
        return None
    return sum((one.worst_case_usd for one in expected[1:]), expected[0].worst_case_usd)
