"""`make bench-reports`: what goes out to files, how fast, in how much memory; a number is that of the outcomes."""

from __future__ import annotations

import sys

from tests.benchmarks.reports import exports

if __name__ == "__main__":
    exports.report(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
