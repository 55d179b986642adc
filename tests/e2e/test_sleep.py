"""A machine that sleeps in the middle of a run: nothing is lost, nothing is fired twice, nobody else is blamed."""

import io
import signal
import time

import pandas as pd
import pytest

from tests.e2e.test_run import requests_seen, wait_for_outcomes


@pytest.mark.slow
def test_what_was_in_flight_while_the_machine_slept_is_ours_and_nothing_else_is_touched(arena, sim_url):
    before = requests_seen(sim_url, "slow")
    running = arena.start("run", arena.plan("slow", repetitions=4), "--yes")
    wait_for_outcomes(arena, 4)
    running.send_signal(signal.SIGSTOP)
    time.sleep(3)  # longer than any answer takes: all that was in flight is answered meanwhile
    running.send_signal(signal.SIGCONT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err

    rows = pd.read_csv(io.StringIO(arena("export", "last", "--out", "-").out))
    assert len(rows) == 20
    assert rows["trial"].is_unique
    assert requests_seen(sim_url, "slow") - before == 20
    slept = rows[rows["status"] != "succeeded"]
    assert set(slept["failure_kind"]) == {"stopped"}
    assert 1 <= len(slept) <= 8  # those in flight; eight where the machine is slow to note that they are back
    assert slept["failure_message"].str.contains("this machine stood still for").all()

    (shown,) = arena.json("runs", "show", "last")["endpoints"]
    assert shown["figures"]["success_rate"]["value"] == 1
    assert shown["figures"]["success_rate"]["n"] == 20 - len(slept)
    assert shown["failures"] == {"stopped": len(slept)}
