"""What is shown of a run while it runs is what its summary will say."""

import io

from rich.console import Console

from arena.domain.failure import FailureKind
from arena.domain.plan import Phase
from arena.metrics.intervals import quantile
from arena.units import format_ms
from harness.cli import live
from harness.progress import Progress
from tests.factories import failed, succeeded

MS = 1_000_000


def test_success_and_median_are_those_of_the_summary():
    progress = Progress(["lab/one"] * 30)
    times_ms = [100 + 7 * i for i in range(20)]
    for time_ms in times_ms:
        progress.stored("lab/one", Phase.MEASURE, succeeded(total_ns=time_ms * MS), 0)
    for kind in (FailureKind.MODERATED_INPUT, FailureKind.AUTH, FailureKind.CAPACITY, FailureKind.TIMEOUT):
        progress.stored("lab/one", Phase.MEASURE, failed(kind), 0)
    progress.stored("lab/one", Phase.WARMUP, failed(FailureKind.CAPACITY), 0)
    out = io.StringIO()
    Console(file=out, width=160).print(live.table(progress))
    assert "91 %" in out.getvalue()  # 20 of 22: moderation, our key and warm-up are left out
    for q in (0.5, 0.95):
        assert format_ms(quantile(times_ms, q).value) in out.getvalue()
