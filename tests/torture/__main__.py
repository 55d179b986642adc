"""`make torture`: 300 kills, or `--kills N`; `--only KIND` and `--seed S` repeat one of them alone.

Before them, bugs are planted that the kills must find; `--planted` does only that.

python -m tests.torture --only run --seed 17
python -m tests.torture --kills 20 --database postgresql
"""

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.postgres import postgres_server
from tests.torture.kinds import KINDS, Torture, found
from tests.torture.place import quickest_directory
from tests.torture.planted import PLANTED


def _found(planted: str, directory: Path, url: str | None, stack: ExitStack) -> bool:
    how = found(planted, directory / f"planted-{planted.replace(', ', '-')}", url, stack)
    print(f"planted {planted}: {'NOT FOUND' if how is None else how}", flush=True)
    return how is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, help="in all, spread evenly over the kinds")
    parser.add_argument("--only", choices=sorted(KINDS))
    parser.add_argument("--seed", type=int, help="the first seed; alone, it is the only one")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--planted", action="store_true", help="only see that planted bugs are found")
    options = parser.parse_args()
    kinds = [options.only] if options.only else sorted(KINDS)
    single = options.seed is not None and "--kills" not in sys.argv
    each = 1 if single else -(-options.kills // len(kinds))
    first, begun_s = options.seed or 0, time.monotonic()
    failing: list[tuple[str, object]] = []
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server()) if options.database == "postgresql" else None
        where = stack.enter_context(TemporaryDirectory(prefix="arena-torture-", dir=quickest_directory()))
        if options.planted or not (single or options.only):
            failing += [("planted", name) for name in sorted(PLANTED) if not _found(name, Path(where), url, stack)]
        if options.planted:
            raise SystemExit(1 if failing else 0)
        tortures = []
        for kind in kinds:
            begun_kind_s = time.monotonic()
            torture = Torture(kind, Path(where) / kind, url, stack)
            failing += [(kind, seed) for seed in range(first, first + each) if not torture.survives(seed)]
            tortures.append(f"{torture.summary()}\n    {time.monotonic() - begun_kind_s:.0f} s")
    print("", *tortures, sep="\n")
    took_s = time.monotonic() - begun_s
    print(f"{each * len(kinds)} kills in {took_s:.0f} s, {len(failing)} with a loss, on {options.database}")
    for kind, seed in failing:
        words = "--planted" if kind == "planted" else f"--only {kind} --seed {seed}"
        print(f"again: python -m tests.torture {words} --database {options.database}")
    raise SystemExit(1 if failing else 0)


if __name__ == "__main__":
    main()
