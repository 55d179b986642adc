"""A hundred seeded runs over simulated pictures: who serves something else is caught, who does not is not accused."""

import pytest

from tests.benchmarks.scoring.hosts import make_pool, one_run, tally

RUNS = 100


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_in_95_of_100_runs_hosts_are_judged_rightly():
    """The hardest of each kind: other pictures than the reference's, from the same or from worse weights."""
    hosts = ("other-noise", "cached", "downsized+other-noise", "noisier+other-noise")
    found = tally(make_pool(16, side_px=96), RUNS, hosts, prompts=12)
    assert found.pop("other-noise").get("differs", 0) <= 5
    assert {host: verdicts.get("differs", 0) >= 95 for host, verdicts in found.items()} == dict.fromkeys(found, True)


def test_honest_hosts_of_every_kind_are_not_accused_beside_others_that_are():
    pool = make_pool(12, side_px=64)
    hosts = ["lab/same", "lab/restamped", "lab/nearly", "lab/cached", "lab/noisier"]
    verdicts = {h.endpoint: str(h.verdict) for h in one_run(pool, 1, hosts, prompts=12).hosts}
    assert {name for name, verdict in verdicts.items() if verdict == "differs"} == {"lab/cached", "lab/noisier"}
