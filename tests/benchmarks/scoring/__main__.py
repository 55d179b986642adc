"""`python -m tests.benchmarks.scoring`: rates on this machine, and how often hosts are told apart rightly.

Everything here is simulated: pictures are drawn, weights are random. What is real is the code, its cost and errors.
"""

from __future__ import annotations

import argparse
import os
import time

from tests.benchmarks.scoring import hosts, intervals, rate


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--prompts", type=int, default=12, help="of each simulated comparison of hosts")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", choices=("rate", "hosts", "intervals"))
    given = parser.parse_args()
    if given.only in {None, "rate"}:
        rate.measure(given.images, given.threads)
    if given.only in {None, "hosts"}:
        began_s = time.monotonic()
        found = hosts.tally(
            hosts.make_pool(2 * given.prompts), given.runs, hosts.HONEST + hosts.DISHONEST, given.prompts
        )
        print(f"verdicts over {given.runs} seeded runs of {given.prompts} prompts, two seeds each, simulated pictures")
        for host, verdicts in found.items():
            kind = "honest" if host in hosts.HONEST else "not honest"
            told = ", ".join(f"{verdict}: {count}" for verdict, count in sorted(verdicts.items()))
            print(f"  {host} ({kind}): {told}")
        print(f"  {time.monotonic() - began_s:.0f} s")
    if given.only in {None, "intervals"}:
        print("coverage of the 95 % interval of a metric's agreement with votes, 400 data sets")
        for prompts in (10, 20, 50):
            print(f"  {prompts} prompts: {intervals.coverage(prompts):.3f}")


if __name__ == "__main__":
    main()
