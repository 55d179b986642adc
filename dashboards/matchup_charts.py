"""The head-to-head matrix: each entrant's share of wins against each other one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from arena.units import format_percent, percent
from dashboards import format as fmt
from dashboards.charts import FRAME_PX, MIN_PX, Chart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arena.reports.matchups import Matchup

CELL_PX = 42
WRITTEN = 12
"""Up to so many entrants, cells say share and n; beyond, colour and hovering do."""
SCALE = [(0.0, "#C96A1B"), (0.5, "#8A8F98"), (1.0, "#2A7FC1")]
"""Orange loses, blue wins, in shades that both themes bear and most colour-blind readers tell apart."""


def matrix(pairs: Sequence[Matchup], order: Sequence[str], *, about: str, simulated: bool) -> Chart:
    """Rows against columns, both in `order` (best rated first); a cell is the row's share of the decided votes."""
    met = {(m.a, m.b): m for pair in pairs for m in (pair, pair.turned())}
    names = [name for name in order if any(name == a for a, _ in met)]
    cells = [[met.get((row, column)) for column in names] for row in names]
    figure = go.Figure(
        go.Heatmap(
            z=[[None if m is None else m.win_share.value for m in line] for line in cells],
            text=[[_written(m) if len(names) <= WRITTEN else "" for m in line] for line in cells],
            hovertext=[[hover(m) if m is not None else "" for m in line] for line in cells],
            texttemplate="%{text}",
            hovertemplate="%{hovertext}<extra></extra>",
            hoverongaps=False,
            colorscale=[list(step) for step in SCALE],
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            colorbar={"tickformat": ".0%", "thickness": 10, "title": {"text": "row wins"}},
        )
    )
    numbers, places = [str(i) for i in range(1, len(names) + 1)], list(range(len(names)))
    ticks = [f"{i} {name}" for i, name in zip(numbers, fmt.shortened(names, 28).values(), strict=True)]
    figure.update_yaxes(
        tickvals=places, ticktext=ticks, autorange="reversed", showgrid=False, zeroline=False, automargin=True
    )
    figure.update_xaxes(tickvals=places, ticktext=numbers, side="top", showgrid=False, zeroline=False, tickangle=0)
    cell = CELL_PX if len(names) <= WRITTEN else max(14, CELL_PX * WRITTEN // len(names))
    figure.update_layout(height=max(MIN_PX, FRAME_PX + cell * len(names)), margin={"l": 10, "r": 10, "t": 10, "b": 10})
    return Chart(
        "Head to head",
        f"{'Simulated contenders. ' if simulated else ''}The share of votes that the row won against the column, of "
        "those that chose one; below it n, how many these were. Bold: its interval leaves out an even share. Columns "
        "are numbered as rows, best rated first. Blue is better for the row. Hovering tells the interval and what the "
        f"model expects. {about}.",
        figure,
        _in_words(pairs, names),
    )


def _written(matchup: Matchup | None) -> str:
    """`63 %` over n; in bold where its interval leaves out an even share."""
    if matchup is None or matchup.win_share.value is None:
        return ""
    share, n = format_percent(matchup.win_share.value, 0), f"{matchup.win_share.n:,}"
    low, high = matchup.win_share.low or 0.0, matchup.win_share.high or 1.0
    return f"<b>{share}</b><br>{n}" if low > 0.5 or high < 0.5 else f"{share}<br>{n}"


def hover(matchup: Matchup) -> str:
    """Observed with its interval and n, and the model's expectation beside it."""
    m = matchup
    counts = f"{m.a_wins:,} : {m.b_wins:,}, {m.ties:,} ties, {fmt.count(m.prompts, 'prompt')}"
    return (
        f"<b>{m.a}</b> against {m.b}<br>{share_text(m)}<br>{counts}<br>the model expects "
        f"{m.expected_share * 100:.0f} %<br>at any time: {m.verdict}"
    )


def share_text(matchup: Matchup) -> str:
    """`63 % [58, 68], n 363`, or a dash."""
    share = matchup.win_share
    if share.value is None or share.low is None or share.high is None:
        return f"{fmt.DASH} n 0"
    return f"{format_percent(share.value, 0)} [{percent(share.low, 0)}, {percent(share.high, 0)}], n {share.n:,}"


def _in_words(pairs: Sequence[Matchup], names: Sequence[str]) -> str:
    ahead: Mapping[str, int] = {name: sum(m.verdict == f"{name} ahead" for m in pairs) for name in names}
    if not names:
        return "Nobody has met yet."
    most = max(names, key=lambda name: ahead[name])
    claims = sum(ahead.values())
    return (
        f"Win shares of {len(pairs)} pairs of {len(names)} entrants. In {claims} pairs one may be called ahead; "
        f"{most} is ahead in the most, {ahead[most]}."
    )
