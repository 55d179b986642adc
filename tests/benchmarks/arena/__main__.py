"""What the ratings promise, held against simulated votes of a known truth: `make bench-arena` (`--quick` for a glance).

Coverage of nominal 95 % intervals, also of a newcomer's, claims of a whole board at once, claims that are looked at
after every vote, how many votes the pairing needs, agreement with other libraries, and time.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks.arena import coverage, newcomer, pairing, speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    parser.add_argument("--only", choices=["coverage", "newcomer", "pairing", "speed"], help="one part")
    options = parser.parse_args()
    share = 0.1 if options.quick else 1.0
    parts = {
        "coverage": coverage.report,
        "newcomer": newcomer.report,
        "pairing": pairing.report,
        "speed": speed.report,
    }
    for name, part in parts.items():
        if options.only in {None, name}:
            part(share)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
