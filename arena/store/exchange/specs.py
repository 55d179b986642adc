"""Every table that is exported by a query, in the order in which an import can read them."""

from __future__ import annotations

from arena.store.exchange.delivered import CALLS, IMAGES
from arena.store.exchange.measured import ATTEMPTS, OUTCOMES
from arena.store.exchange.plans import ENDPOINTS, PROMPTS, RUNS
from arena.store.exchange.scored import SCORES
from arena.store.exchange.voted import CONTENDERS, GOLD_PAIRS, KEPT_OUT, RULINGS, VOTES

SPECS = {
    spec.name: spec
    for spec in (
        RUNS, ENDPOINTS, PROMPTS, ATTEMPTS, OUTCOMES, IMAGES, CALLS, CONTENDERS, VOTES, GOLD_PAIRS, RULINGS, KEPT_OUT,
        SCORES,
    )
}  # fmt: skip
