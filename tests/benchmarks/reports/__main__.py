"""`make bench-reports`: the provider table over a window, and what goes out to files, how fast, in how much memory.

A number is that of the outcomes.
"""

from __future__ import annotations

import sys

from tests.benchmarks.reports import exports, windows

if __name__ == "__main__":
    outcomes = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    windows.report(outcomes)
    exports.report(outcomes)
