"""Tables whose rows are computed: summaries, ratings, prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.metrics.figures import METRICS
from arena.metrics.phases import PHASES
from arena.store.exchange.columns import Column, Scope, boolean, integer, real, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from arena.reports.leaderboard import Leaderboard
    from arena.store.engine import Connection

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Computed:
    """A table of figures, whole in every export: they follow from other tables, so an import makes them anew."""

    name: str
    version: int
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: Callable[[Connection, Scope], Iterator[Rows]]
    of_votes: bool = False
    no_window: str | None = None
    """Why it cannot be had of a window of time."""
    incremental: bool = False
    day: None = None


def _figure_columns() -> Iterator[Column]:
    for metric in (*METRICS, *PHASES):
        yield real(metric.name, metric.definition)
        yield integer(f"{metric.name}_n", f"How many rows `{metric.name}` rests on.")
        yield real(f"{metric.name}_low", "Lower end of its 95 % interval; missing where there is none.")
        yield real(f"{metric.name}_high", "Upper end of its 95 % interval.")


def _summaries(connection: Connection, scope: Scope) -> Iterator[Rows]:
    """The figures of each run by itself: plans differ, so that runs are not pooled."""
    from arena.reports.summary import flat_rows, summarize
    from arena.store import queries
    from arena.store.runs import list_runs

    runs = [run.id for run in reversed(list_runs(connection))] if scope.run_id is None else [scope.run_id]
    for run_id in runs:
        yield [
            {"run_id": run_id, **row}
            for row in flat_rows(summarize(queries.outcomes(connection, run_id)))
            if scope.endpoint in {None, row["endpoint"]} and scope.simulated in {None, row["simulated"]}
        ]


SUMMARY = Computed(
    name="summary",
    version=4,
    about="One row a run and endpoint: its figures over the measured phase, each with its n and interval.",
    columns=(
        text("run_id", "The run.", required=True),
        text("endpoint", "The endpoint: one model at one provider.", required=True),
        text("provider", "Who serves it.", required=True),
        text("model", "The model's name at the provider.", required=True),
        text("region", "Where it is served, as far as that is known."),
        boolean("simulated", "Whether these figures are of a simulation; never pool them with others."),
        integer("unknown", "Attempts whose end is unknown.", required=True),
        *_figure_columns(),
        text("failures", "Failures by kind, the most frequent first.", required=True),
    ),
    key=("run_id", "endpoint", "simulated"),
    rows=_summaries,
    no_window="its figures are those of whole runs; name a run",
)


def _ratings(connection: Connection, scope: Scope) -> Iterator[Rows]:
    from arena.reports.leaderboard import Board, leaderboard

    for simulated in (False, True):
        if scope.simulated in {None, simulated}:
            board = leaderboard(connection, Board(simulated=simulated))
            yield [row for row in _board(board) if scope.endpoint in {None, row["endpoint"]}]


def _board(board: Leaderboard) -> Iterator[dict[str, Any]]:
    for row in board.rows:
        yield {
            "simulated": board.board.simulated,
            "endpoint": row.entrant,
            "provider": row.provider,
            "elo": row.elo,
            "elo_low": row.low,
            "elo_high": row.high,
            "votes": row.votes,
            "win_rate": row.win_rate,
            "tier": row.tier,
            "rank_best": row.rank_best,
            "rank_worst": row.rank_worst,
            "provisional": row.provisional,
            "retired": row.retired,
            "note": row.note,
            "board_votes": board.votes,
            "board_prompts": board.prompts,
            "board_voters": board.voters,
        }


RATINGS = Computed(
    name="ratings",
    version=1,
    about="One row an endpoint on the board of all votes by people, of simulated or of real images.",
    columns=(
        boolean("simulated", "Whether this is the board of simulated images."),
        text("endpoint", "The endpoint.", required=True),
        text("provider", "Who serves it.", required=True),
        real("elo", "Its rating; the mean of the settled is 1000. Missing where no vote links it to the board."),
        real("elo_low", "Lower end of its 95 % interval; missing where that side is open."),
        real("elo_high", "Upper end of its 95 % interval."),
        integer("votes", "Votes on it.", required=True),
        real("win_rate", "Share of them that it won, ties half."),
        integer("tier", "Its tier, 1 being the best; missing where it is not ranked."),
        integer("rank_best", "The best rank that the votes allow."),
        integer("rank_worst", "The worst one."),
        boolean("provisional", "Whether it is too young to be ranked."),
        boolean("retired", "Whether it takes part no longer."),
        text("note", "What must be said of it.", required=True),
        integer("board_votes", "Votes that the board rests on.", required=True),
        integer("board_prompts", "Prompts that they are on.", required=True),
        integer("board_voters", "Voters who cast them.", required=True),
    ),
    key=("simulated", "endpoint"),
    rows=_ratings,
    of_votes=True,
    no_window="a board rests on every vote",
)

AMOUNTS = ("per_image_usd", "first_mp_usd", "per_mp_usd", "per_input_mp_usd", "most_input_mp", "per_second_usd",
           "most_seconds", "round_up_mp")  # fmt: skip


def _prices(connection: Connection, scope: Scope) -> Iterator[Rows]:
    from arena.store.exchange.batches import batches
    from arena.store.exchange.plans import ENDPOINTS

    for batch in batches(connection, ENDPOINTS, scope, ""):
        yield [_price(row) for row in batch.to_pylist() if row["price_json"] is not None]


def _price(row: dict[str, Any]) -> dict[str, Any]:
    from arena.pricing import PriceCard

    card = PriceCard.model_validate_json(row["price_json"])
    amounts = {name: getattr(card, name) for name in AMOUNTS}
    return {
        "run_id": row["run_id"],
        "endpoint": row["endpoint"],
        "simulated": row["simulated"],
        "from_date": card.from_date.isoformat(),
        **{name: None if amount is None else float(amount) for name, amount in amounts.items()},
        "seconds_from": card.seconds_from,
        "megapixel": card.mp,
        "source": card.source,
        "confidence": card.confidence,
    }


PRICES = Computed(
    name="prices",
    version=2,
    about="One row a run and endpoint whose price was known then: the card in force; what it charges for is added up.",
    columns=(
        text("run_id", "The run.", required=True),
        text("endpoint", "The endpoint.", required=True),
        boolean("simulated", "Whether the endpoint only pretends, and its price is made up."),
        text("from_date", "From which day on.", required=True),
        real("per_image_usd", "For each image, in US dollars.", required=True),
        real("first_mp_usd", "For the first megapixel of an image."),
        real("per_mp_usd", "For each megapixel, or for each further one.", required=True),
        real("per_input_mp_usd", "For each megapixel of input images.", required=True),
        real("most_input_mp", "How many of them at most, of each image."),
        real("per_second_usd", "For each second of the server's own computing.", required=True),
        real("most_seconds", "How many of them at most."),
        real("round_up_mp", "The step to which sizes are rounded up, in megapixels; 0: exact.", required=True),
        text("seconds_from", "Which of the server's timings these seconds are.", required=True),
        text("megapixel", "10⁶ (`decimal`) or 2²⁰ (`binary`) pixels.", required=True, choices=("decimal", "binary")),
        text("source", "Where the price was read.", required=True),
        text("confidence", "How sure it is.", required=True),
    ),
    key=("run_id", "endpoint"),
    rows=_prices,
)

COMPUTED = {table.name: table for table in (SUMMARY, RATINGS, PRICES)}
