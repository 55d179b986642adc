"""The data card: what a publication holds, how it was made and what it cannot tell, from the data itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arena import __version__
from arena.reports.exports.page import table_in_words
from arena.reports.exports.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from arena.store.exchange.census import Census

WARMUP = (
    "- Warm-up attempts are in the rows and in no figure; refusals by moderation and failures of this side are left out"
    " of the success rate on both sides."
)
FILL_IN = "**To be filled in by who publishes this.**"


def card(census: Census, published: Sequence[str], at: datetime, filters: dict[str, Any]) -> str:
    """The card in Markdown. `published` are the tables that go with it."""
    parts = [
        f"# Data card\n\nMade by Arena {__version__} on {at:%Y-%m-%d} from the database; no figure is typed in.\n",
        _what(census, filters),
        _images(census),
        _votes(census),
        _left_out(census),
        _limits(census),
        _licence(census, at),
        "## Schema\n\n" + "\n".join(table_in_words(TABLES[name], level=3, published=True) for name in published),
    ]
    return "\n".join(parts)


def _span(first: datetime | None, last: datetime | None) -> str:
    return "–" if first is None or last is None else f"{first:%Y-%m-%d} to {last:%Y-%m-%d} (UTC)"


def _simulated(simulated: int, real: int, noun: str) -> str:
    if not simulated + real:
        return f"there are no {noun}"
    if not real:
        return f"**all {simulated:,} {noun} are simulated: nothing here says anything about a real provider**"
    if not simulated:
        return f"all {real:,} {noun} are real"
    return f"{real:,} {noun} are real and {simulated:,} simulated, marked in the column `simulated`; never pool the two"


def _what(census: Census, filters: dict[str, Any]) -> str:
    selected = "everything" if not filters else ", ".join(f"{k} = {v}" for k, v in sorted(filters.items()))
    regions = ", ".join(census.regions) or "not said"
    return f"""## What, when, where from

- Measurements of image-generation endpoints, and blind votes of pairs of their images.
- Selected: {selected}.
- Attempts: {census.attempts_simulated + census.attempts_real:,} in {census.runs:,} runs, {_span(*census.attempted)};
  {_simulated(census.attempts_simulated, census.attempts_real, "attempts")}.
- Endpoints: {len(census.endpoints):,} ({", ".join(census.endpoints) or "none"}).
- Prompts: {census.prompts:,}, in {len(census.categories):,} categories ({", ".join(census.categories) or "none"}).
- Measured from: {regions}. Latency holds for these places, these days and this load.
"""


def _images(census: Census) -> str:
    return f"""## How the images were made

The same prompt in the same words, size and settings went to every endpoint, once for each repetition; every
generation counts and never the best of several. {census.images:,} images were kept, {census.sizes or "of no size"}.
Images are named by the SHA-256 of their bytes as delivered; votes were cast on renditions of one size and codec
without metadata.
"""


def _votes(census: Census) -> str:
    boards = _simulated(census.votes_simulated, census.votes_real, "votes")
    return f"""## Votes

- Votes: {census.votes_simulated + census.votes_real:,} by {census.people:,} people and {census.judges:,} automatic
  judges, {_span(*census.voted)}; {boards}.
- Voters are hashes under a salt that was made for this publication and thrown away: they tell votes of one voter
  apart from those of others and lead nowhere else. No address, and no hash of one, is part of it.
"""


def _left_out(census: Census) -> str:
    reasons = [f"- {count:,} votes are set apart: {reason}." for reason, count in census.set_apart]
    kept = [f"- {count:,} images are kept out of battles: {reason}." for reason, count in census.kept_out]
    lines = [
        f"- {census.taken_back:,} votes were taken back by their voters: marked (`undone_at`), they do not rate.",
        f"- {census.checking:,} votes are on pairs that check the voter and do not rate.",
        *reasons,
        *kept,
        WARMUP,
    ]
    return (
        "## Screening and exclusions\n\nNothing is deleted; what does not count is marked.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _limits(census: Census) -> str:
    lines = [
        "- Ratings hold for these prompts and these voters; both are few, or of one kind, more often than not.",
        "- Who voted is not known: neither age nor place nor taste is part of the data.",
        "- Votes of one voter, or on one prompt, are not independent; intervals in `ratings` allow for that.",
        "- Latency is that of one client in one place; `server_ms` is by the servers' own clocks.",
        "- Costs are the provider's own word or the dated price book's (`cost_source`); missing is never zero.",
    ]
    if census.unknown_ends:
        lines.append(
            f"- The end of {census.unknown_ends:,} attempts is not known: this side died while they were in flight."
        )
    if census.pruned_runs:
        lines.append(
            f"- The attempts of {census.pruned_runs:,} runs were pruned here: their figures are in `summary`, but only"
            " those of their rows are in `outcomes` whose images were shown to voters."
        )
    return "## Known limits\n\n" + "\n".join(lines) + "\n"


def _licence(census: Census, at: datetime) -> str:
    return f"""## Licence

{FILL_IN} See `LICENCE`. Prompts and images may have terms of their own, those of the providers among them.

## Citation

{FILL_IN} For instance: *AUTHORS ({at:%Y}). TITLE. Measured with Arena {__version__}, {census.runs:,} runs,
{census.votes_simulated + census.votes_real:,} votes. ADDRESS.*
"""
