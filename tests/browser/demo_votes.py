"""Votes over a demo's results, by voters that are simulated: `python -m tests.browser.demo_votes DATA_DIR [--votes N]`.

Each prefers the image of the contender with the higher `quality` of `prompts/providers/demo.toml`, with the odds of
Bradley and Terry. Every vote goes the way of a real one: a pair is drawn, shown and voted on; only the clock is ahead.
"""

from __future__ import annotations

import argparse
import math
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

import prompts as shipped
from arena.battles.ballots import Ballots
from arena.battles.house import House
from arena.catalog import read_tables
from arena.domain.battle import Verdict
from arena.settings import Settings
from arena.store import contenders
from arena.store.engine import open_database

VOTERS, LOGITS_PER_QUALITY, TIES, UNKNOWN_QUALITY = 24, 5.0, 0.12, 0.4


def qualities() -> dict[str, float]:
    """Quality by simulated endpoint, as far as its contender says one."""
    tables = read_tables(shipped.ROOT / "providers" / "demo.toml")
    by_name = {c["name"]: float(c["quality"]) for c in tables["contender"]}
    return {f"sim/{name}": quality for name, quality in by_name.items()}


def main() -> None:
    """Cast the votes, two weeks of them, ending now."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--votes", type=int, default=600)
    arguments = parser.parse_args()
    rng, known = np.random.default_rng(11), qualities()
    settings = Settings(data_dir=arguments.data_dir)
    database = open_database(settings)
    at = [datetime.now(UTC) - timedelta(seconds=20 * arguments.votes)]
    ballots = Ballots(database, House(votes_per_voter_and_day=None, votes_per_network_and_day=None), now=lambda: at[0])
    for voter in range(VOTERS):
        ballots.register(f"demo-voter-{voter}")
    pool = ballots.pool(simulated=True)
    with database.read() as connection:
        names = {c.id: c.endpoint_id for c in contenders.contenders(connection)}
    for number in range(arguments.votes):
        voter = f"demo-voter-{rng.integers(VOTERS)}"
        ballot = ballots.open(voter, pool)
        if ballot is None:
            continue
        at[0] += timedelta(seconds=9)
        battle = ballots.battle(ballot.token)
        left, right = (known.get(names[e.contender], UNKNOWN_QUALITY) for e in (battle.left, battle.right))
        share = 1 / (1 + math.exp(-LOGITS_PER_QUALITY * (left - right)))
        verdict = Verdict.LEFT if rng.random() < share else Verdict.RIGHT
        ballots.cast(ballot.token, voter, Verdict.TIE if rng.random() < TIES else verdict, dwell_ms=8000)
        at[0] += timedelta(seconds=11)
        if number % 100 == 99:
            sys.stdout.write(f"{number + 1} simulated votes\n")
    database.close()


if __name__ == "__main__":
    main()
