"""Coverage-guided fuzzing of every parser, by atheris: `python -m tests.fuzz.run [TARGET …] --seconds 10`.

Each target runs in a process of its own, starting from the kept corpus; what it finds on the way stays in a directory
that git does not see. An input that breaks a parser is written to the kept corpus, where the ordinary tests find it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CORPUS, FOUND = HERE / "corpus", HERE / ".found"
PACKAGES = ["arena", "harness", "prompts"]
GRACE_S = 120


def main():
    """All targets, or the named ones; ends with 1 if any of them broke."""
    options = argparse.ArgumentParser()
    options.add_argument("target", nargs="*")
    options.add_argument("--seconds", type=int, default=10)
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        fuzz(given.target[0], given.seconds)
        return
    names = given.target or all_targets()
    broken = [name for name in names if not in_a_process(name, given.seconds)]
    print(f"{len(names) - len(broken)} of {len(names)} targets held for {given.seconds} s each", *broken)
    sys.exit(bool(broken))


def all_targets():
    """Their names."""
    from tests.fuzz.targets import TARGETS

    return list(TARGETS)


def in_a_process(name, seconds):
    """Whether a target held."""
    command = [sys.executable, "-m", "tests.fuzz.run", name, "--seconds", str(seconds), "--inside"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    runs = [line for line in done.stderr.splitlines() if line.startswith("Done ")]
    print(f"{name:>14}: {runs[-1] if runs else 'broken'}", flush=True)
    if done.returncode != 0:
        print(done.stderr[-3000:], done.stdout[-2000:])
    return done.returncode == 0


def fuzz(name, seconds):
    """Never returns: atheris ends the process."""
    import atheris

    with atheris.instrument_imports(include=PACKAGES):
        from tests.fuzz.targets import TARGETS

    kept, found = CORPUS / name, FOUND / name
    kept.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    told = [
        f"-max_total_time={seconds}",
        "-timeout=20",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={kept}/",
        "-max_len=8192",
    ]
    atheris.Setup([sys.argv[0], *told, str(found), str(kept)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
