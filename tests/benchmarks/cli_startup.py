"""CPU time of `arena --help`: the median of ten runs. `make bench-cli`."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

ARENA = Path(sys.executable).with_name("arena")
LIMIT_S = 0.3


def cpu_s() -> float:
    """User and system time of one run, as the kernel accounts for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([ARENA, "--help"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print the figure; 1 if it is above the limit."""
    cpu_s()  # the first run compiles
    median = statistics.median(cpu_s() for _ in range(10))
    print(f"arena --help: {median:.3f} s of CPU time (median of 10; limit {LIMIT_S} s)")
    return int(median >= LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
