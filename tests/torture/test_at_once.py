"""Two runs, two voters and exports on one SQLite file at the same time, each a process of its own."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
import sqlalchemy as sa

from arena.store.battles import BATTLE, VOTE
from arena.store.engine import BUSY_TIMEOUT_MS
from tests.arena.battles.conftest import fill
from tests.torture import killing
from tests.torture.ledger import simulated
from tests.torture.place import Place
from tests.torture.runs import FIRE, TRIALS, configure, contenders
from tests.torture.votes import read

VOTES_EACH = 30


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_is_lost_and_nobody_waits_past_the_timeout(tmp_path):
    place = Place(tmp_path)
    fill(place.settings, prompts=20).close()
    notes = tmp_path / "notes"
    with simulated(contenders()) as (url, ledger):
        configure(tmp_path / "config", url)
        processes = [killing.Victim(place, words) for words in (FIRE, FIRE, ["vote", str(notes), str(VOTES_EACH)])]
        exported = 0
        while any(process.ended() is None for process in processes):
            done = killing.run(place, "export", "--out", "all.csv", "--force")
            assert done.returncode == 0, done.stderr
            rows = pd.read_csv(tmp_path / "all.csv")
            assert rows["trial"].notna().all()
            assert len(rows) >= exported  # what an export has shown, a later one shows, too
            exported = len(rows)
        for process in processes:
            assert process.ended() == 0, (tmp_path / "stderr").read_text()
            process.close()
    place.check()

    said = read(notes)
    assert len(said.stored) == len(said.cast) >= VOTES_EACH
    assert max(said.stored.values()) < BUSY_TIMEOUT_MS / 1000
    database = place.open()
    with database.read() as connection:
        stood = connection.execute(sa.select(VOTE.c.verdict).join(BATTLE, BATTLE.c.id == VOTE.c.battle_id)).all()
    database.close()
    assert Counter(row.verdict for row in stood) == Counter(verdict for _, verdict in said.cast.values())

    done = killing.run(place, "export", "--out", "all.csv", "--force")
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "all.csv")
    ours = rows[rows["endpoint"].str.startswith("t/")]
    assert list(Counter(ours["run_id"]).values()) == [TRIALS, TRIALS]
    assert set(ours["status"]) == {"succeeded"}
    assert len(ledger.calls) == 2 * TRIALS
