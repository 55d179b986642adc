"""`make bench-coverage`: nominal 95 % intervals against known truths; `--quick` with a tenth of the runs."""

import argparse
import sys

from tests.benchmarks.coverage import pairs, single, stops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["single", "pairs", "stops"])
    options = parser.parse_args()
    share = 0.1 if options.quick else 1.0
    print("how often nominal 95 % intervals cover the truth; aim 93-97 %, or above where that is proven")
    for name, part in (("single", single.report), ("pairs", pairs.report), ("stops", stops.report)):
        if options.only in {None, name}:
            part(share)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
