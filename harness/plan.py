"""From a plan to its trials: seeded, interleaved, checked and priced before anything is fired."""

from __future__ import annotations

import hashlib
import io
import itertools
import random
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from PIL import Image

from arena.domain.plan import Phase, Plan, Trial
from arena.domain.request import GenerationRequest, ImageFormat, Mode, PixelSize, SourceImage
from arena.errors import BudgetError, ConfigError, MissingKeyError
from arena.metrics.sequential import FIRST_LOOK
from arena.units import NS_PER_S, format_usd
from harness.pacer import due_times_s
from harness.providers import adapter
from harness.providers.base import Job, Provider, unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from arena.catalog import Catalog
    from arena.domain.endpoint import Endpoint
    from arena.domain.prompt import Prompt
    from arena.pricing import PriceCard


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint with all that it takes to call it."""

    endpoint: Endpoint
    provider: Provider
    card: PriceCard | None
    key_name: str | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that can be run: every name resolved, every request within its endpoint's limits."""

    plan: Plan
    targets: dict[str, Target]
    prompts: dict[str, Prompt]
    sources: dict[str, SourceImage]
    trials: tuple[Trial, ...]
    notes: tuple[str, ...]

    def request(self, trial: Trial) -> GenerationRequest:
        """The request of one trial."""
        return build_request(self.plan, self.prompts[trial.prompt_id], self.sources, trial.seed)

    def sizes(self) -> dict[str, PixelSize]:
        """The size that is asked for, by prompt."""
        return {p.id: build_request(self.plan, p, self.sources, None).size for p in self.prompts.values()}

    def worst_case_usd(self, trial: Trial) -> Decimal | None:
        """What a trial costs at most by the price book, or None where no price is known."""
        target = self.targets[trial.endpoint_id]
        if target.card is None:
            return None
        request = self.request(trial)
        told = target.provider.sizing(Job(target.endpoint, request)).expected or request.size
        return target.card.cost_usd(request, pixels=[told.pixels] * request.n)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will come to at most. `unpriced` names endpoints without a price; they are not in `worst_case_usd`."""

    calls: int
    by_endpoint: dict[str, int]
    worst_case_usd: Decimal
    unpriced: tuple[str, ...]
    longest_s: float


def prepare(plan: Plan, where: str, catalog: Catalog, *, today: date, only: Sequence[str] = ()) -> Prepared:
    """Resolve and check a plan; ConfigError says what to change. Keys are not needed for this."""
    endpoints = catalog.select_endpoints(plan.endpoints, f"{where}: endpoints")
    if only:
        named = {e.id for e in catalog.select_endpoints(only, "--only")}
        endpoints = [e for e in endpoints if e.id in named]
        if not endpoints:
            raise ConfigError(f"--only: none of {', '.join(only)} is in the plan {plan.name}")
    prompts = catalog.select_prompts(plan, where)
    book = catalog.prices()
    targets = {e.id: Target(e, adapter(e, catalog), book.card(e.id, today), e.key_env) for e in endpoints}
    sources = {name: source_image(catalog, name) for p in prompts for name in p.sources}
    cells = _cells(endpoints, prompts)
    notes = _check(plan, where, targets, cells, sources)
    trials = tuple(expand(plan, cells))
    return Prepared(plan, targets, {p.id: p for p in prompts}, sources, trials, tuple(notes))


def _cells(endpoints: Sequence[Endpoint], prompts: Sequence[Prompt]) -> dict[str, list[Prompt]]:
    """The prompts that each endpoint can be given: an endpoint that cannot edit gets no edits."""
    return {e.id: [p for p in prompts if p.mode in e.modes] for e in endpoints}


def build_request(
    plan: Plan, prompt: Prompt, sources: Mapping[str, SourceImage], seed: int | None
) -> GenerationRequest:
    """The one canonical request that every endpoint is given for this prompt."""
    template = plan.request
    size_from: Literal["size", "ratio", "input"] = "size" if template.aspect_ratio is None else "ratio"
    if template.edit_size == "input" and prompt.mode is Mode.EDIT:
        size_from = "input"
    return GenerationRequest(
        prompt=prompt.text,
        mode=prompt.mode,
        size=input_size(sources[prompt.sources[0]]) if size_from == "input" else template.pixel_size,
        size_from=size_from,
        aspect_ratio=template.aspect_ratio if size_from == "ratio" else None,
        megapixels=(template.megapixels or 1.0) if size_from == "ratio" else None,
        seed=seed,
        steps=template.steps,
        guidance=template.guidance,
        n=template.n,
        format=template.format,
        delivery=template.delivery,
        safety=template.safety,
        images=tuple(sources[name] for name in prompt.sources),
    )


def expand(plan: Plan, cells: Mapping[str, Sequence[Prompt]]) -> Iterator[Trial]:
    """All trials in firing order.

    Warm-up first, then blocks of one prompt at all its endpoints: the prompts of a repetition in one seeded order, the
    endpoints of a block in another, so that no endpoint owns an hour and every comparison is within a block.
    """
    rng = random.Random(f"{plan.seed}/order")
    seq = 0
    for endpoint_id, prompts in cells.items():
        for index in range(plan.warmup):
            prompt, repetition = prompts[index % len(prompts)], index // len(prompts)
            # Not the measured seeds: a cache that the warm-up filled would answer the measured request.
            seed = trial_seed(plan, prompt, repetition, salt="warmup/")
            yield _trial(seq, endpoint_id, prompt, repetition, Phase.WARMUP, seed)
            seq += 1
    due = _due_times(plan, cells)
    distinct = list({p.id: p for prompts in cells.values() for p in prompts}.values())
    able = {p.id: [e for e, prompts in cells.items() if any(p.id == q.id for q in prompts)] for p in distinct}
    timed = plan.load.timed
    for repetition in itertools.count() if timed and plan.load.duration_s else range(plan.repetitions):
        if timed and not due:
            return
        for prompt in rng.sample(distinct, len(distinct)):
            seed = trial_seed(plan, prompt, repetition)
            for endpoint_id in rng.sample(able[prompt.id], len(able[prompt.id])):
                due_ns = next(due[endpoint_id], None) if endpoint_id in due else None
                if timed and due_ns is None:
                    due.pop(endpoint_id, None)  # nothing more is due there
                    continue
                yield _trial(seq, endpoint_id, prompt, repetition, Phase.MEASURE, seed, due_ns)
                seq += 1


def _trial(
    seq: int,
    endpoint_id: str,
    prompt: Prompt,
    repetition: int,
    phase: Phase,
    seed: int | None,
    due_ns: int | None = None,
) -> Trial:
    return Trial(
        seq=seq,
        endpoint_id=endpoint_id,
        prompt_id=prompt.id,
        repetition=repetition,
        phase=phase,
        seed=seed,
        due_ns=due_ns,
    )


def trial_seed(plan: Plan, prompt: Prompt, repetition: int, salt: str = "") -> int | None:
    """The generation seed: the same at every endpoint, different for each prompt and repetition when it varies."""
    if plan.request.seed == "none":
        return None
    if isinstance(plan.request.seed, int):
        return plan.request.seed
    digest = hashlib.sha256(f"{plan.seed}/{salt}{prompt.id}/{repetition}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1  # 31 bits: the widest that every known provider takes


def _due_times(plan: Plan, cells: Mapping[str, Sequence[Prompt]]) -> dict[str, Iterator[int]]:
    """Due times per endpoint, drawn once from the plan's seed and never re-anchored; none under a closed load."""
    if not plan.load.timed:
        return {}

    def times(endpoint_id: str, offset: float) -> Iterator[int]:
        rng = random.Random(f"{plan.seed}/due/{endpoint_id}")
        return (round(at_s * NS_PER_S) for at_s in due_times_s(plan.load, rng, offset))

    # Endpoints at a constant rate start staggered, or all of them would fire in the same millisecond.
    return {e: times(e, index / len(cells)) for index, e in enumerate(cells)}


def estimate(prepared: Prepared, trials: Sequence[Trial] | None = None) -> Estimate:
    """Calls, worst-case cost and longest duration of a run, or of what is left of it."""
    todo = prepared.trials if trials is None else trials
    counts = Counter(t.endpoint_id for t in todo)
    costs = [(t, prepared.worst_case_usd(t)) for t in todo]
    longest = max((_longest_s(prepared, endpoint_id, todo) for endpoint_id in counts), default=0.0)
    return Estimate(
        calls=len(todo),
        by_endpoint=dict(counts),
        worst_case_usd=sum((c for _, c in costs if c is not None), Decimal(0)),
        unpriced=tuple(sorted({t.endpoint_id for t, c in costs if c is None})),
        longest_s=longest,
    )


def _longest_s(prepared: Prepared, endpoint_id: str, todo: Sequence[Trial]) -> float:
    """Seconds until the last call of an endpoint has ended if every one ran into its deadline."""
    endpoint = prepared.targets[endpoint_id].endpoint
    mine = [t for t in todo if t.endpoint_id == endpoint_id]
    rounds = -(-len(mine) // in_flight(prepared.plan, endpoint))
    per_minute, last_due_s = endpoint.limits.requests_per_minute, max((t.due_ns or 0) for t in mine) / NS_PER_S
    paced_s = 0.0 if per_minute is None else 60 / per_minute * (len(mine) - 1)
    deadline_s = timeout_s(prepared.plan, endpoint)
    return max(rounds * deadline_s, paced_s + deadline_s, last_due_s + deadline_s)


def answer_bytes(plan: Plan) -> int:
    """About how long an answer with its images in base64 is; a guess, by which memory is made ready."""
    per_pixel = 2.2 if plan.request.format is ImageFormat.PNG else 0.5
    return round(plan.request.pixel_size.pixels * plan.request.n * per_pixel)


def keeps_images(plan: Plan, trial: Trial) -> bool:
    """Whether a trial's images are kept: drawn from the plan's seed, alike at all endpoints, so that they can meet."""
    if plan.keep_images >= 1:
        return True
    drawn = hashlib.sha256(f"{plan.seed} {trial.phase} {trial.prompt_id} {trial.repetition}".encode()).digest()
    return int.from_bytes(drawn[:8]) / 2**64 < plan.keep_images


def in_flight(plan: Plan, endpoint: Endpoint) -> int:
    """How many requests are open at an endpoint at most: the plan's wish within the endpoint's limit."""
    limit = endpoint.limits.max_in_flight
    return limit if plan.load.timed else min(plan.load.most_in_flight, limit)


def timeout_s(plan: Plan, endpoint: Endpoint) -> float:
    """The deadline of one attempt."""
    return plan.timeout_s if plan.timeout_s is not None else endpoint.timeout_s


def check_budget(prepared: Prepared, budget_usd: Decimal) -> None:
    """BudgetError if the budget cannot be kept to, or does not pay for a single call at each endpoint."""
    check_prices(prepared)
    dearest, cost_usd = dearest_call(prepared)
    if budget_usd < cost_usd:
        raise BudgetError(
            f"--budget {format_usd(budget_usd)} is below the cost of one call at {dearest}, which is "
            f"{format_usd(cost_usd)}; raise it, or leave the endpoint out with --only"
        )


def dearest_call(prepared: Prepared) -> tuple[str, Decimal]:
    """The endpoint with the dearest first call, and what that costs: the least that a budget must hold, in dollars."""
    one_each = {t.endpoint_id: t for t in prepared.trials}
    costs = {endpoint_id: prepared.worst_case_usd(t) or Decimal(0) for endpoint_id, t in one_each.items()}
    dearest = max(costs, key=lambda endpoint_id: costs[endpoint_id])
    return dearest, costs[dearest]


def check_prices(prepared: Prepared) -> None:
    """BudgetError naming the endpoints whose price is not known: a budget could not be kept to there."""
    unpriced = sorted(e for e in {t.endpoint_id for t in prepared.trials} if prepared.targets[e].card is None)
    if unpriced:
        names = ", ".join(unpriced)
        raise BudgetError(
            f"--budget needs a price for {names}; add one to prices.toml in ARENA_CONFIG_DIR, or drop --budget"
        )


def check_keys(prepared: Prepared, environ: Mapping[str, str]) -> None:
    """MissingKeyError naming the first environment variable that is not set, and every endpoint that needs it."""
    for target in prepared.targets.values():
        if target.key_name and not environ.get(target.key_name, "").strip():
            needing = [t.endpoint.id for t in prepared.targets.values() if t.key_name == target.key_name]
            raise MissingKeyError(needing, target.key_name)
        key = environ.get(target.key_name or "", "").strip()
        problem = key_problem(key)
        if problem is not None:
            raise ConfigError(f"{target.key_name}: {problem}")


def key_problem(key: str) -> str | None:
    """Why a text is no key, as the end of a sentence that does not repeat it; None if it may be one."""
    if key.isascii() and key.isprintable() and " " not in key:
        return None
    return "holds spaces, line breaks or other signs that no key has; set it again"


def _check(
    plan: Plan,
    where: str,
    targets: Mapping[str, Target],
    cells: Mapping[str, Sequence[Prompt]],
    sources: Mapping[str, SourceImage],
) -> list[str]:
    notes: list[str] = []
    total = len({p.id for prompts in cells.values() for p in prompts})
    for endpoint_id, prompts in cells.items():
        target = targets[endpoint_id]
        if not prompts:
            modes = " and ".join(target.endpoint.modes)
            raise ConfigError(
                f"{where}: endpoint {endpoint_id} makes {modes} only, and no selected prompt is of that mode"
            )
        if plan.stop is not None and len(prompts) * plan.repetitions < FIRST_LOOK:
            notes.append(f"{endpoint_id} gets fewer trials than the {FIRST_LOOK} after which `stop` first looks")
        if len(prompts) < total:
            notes.append(f"{endpoint_id} gets {len(prompts)} of {total} prompts: it cannot do the others' mode")
        notes += _check_requests(
            plan, where, target, [(p, build_request(plan, p, sources, trial_seed(plan, p, 0))) for p in prompts]
        )
    return notes


def _check_requests(
    plan: Plan, where: str, target: Target, requests: Sequence[tuple[Prompt, GenerationRequest]]
) -> list[str]:
    """What an endpoint cannot be told, or is told in another way; ConfigError if it would refuse a request."""
    endpoint, ignored, sizes = target.endpoint, set[str](), set[str]()
    for prompt, request in requests:
        job = Job(endpoint, request)
        objection = endpoint.limits.objection(request) or target.provider.objection(job)
        if objection is not None:
            raise ConfigError(f"{where}: endpoint {endpoint.id} {objection} (prompt {prompt.id}); change `request`")
        ignored |= set(unsupported(target.provider, job))
        sizing = target.provider.sizing(job)
        if "size" not in ignored and not sizing.keeps(request.size):
            sizes.add(f"{request.size} as {sizing.wire}")
    notes = [f"{endpoint.id} cannot be told: {', '.join(sorted(ignored))}"] if ignored else []
    return notes + [
        f"{endpoint.id} is asked for {size}; its own choice of pixels is recorded" for size in sorted(sizes)
    ]


def input_size(image: SourceImage) -> PixelSize:
    """The size of an input image on the grid of 16 px that latents need."""
    with Image.open(io.BytesIO(image.data)) as opened:
        width_px, height_px = (max(16, round(side / 16) * 16) for side in opened.size)
    return PixelSize(width_px=width_px, height_px=height_px)


def source_image(catalog: Catalog, name: str) -> SourceImage:
    """An edit prompt's input image, as it will be sent."""
    path = catalog.source_path(name)
    media_type = {".png": "image/png", ".webp": "image/webp"}.get(path.suffix.lower(), "image/jpeg")
    return SourceImage(name=path.name, media_type=media_type, data=path.read_bytes())
