"""The `arena` command, several times in one process, with every logger told to say everything and all tracebacks shown.

python -m tests.e2e.loud COMMANDS.json    prints what the commands print, and their exit codes as its last line
"""

import json
import logging
import sys
import traceback
from pathlib import Path

from harness.cli import main as arena


def main() -> None:
    logging.basicConfig(level=logging.DEBUG)
    codes = []
    for words in json.loads(Path(sys.argv[1]).read_text()):
        sys.argv = ["arena", "--debug", *words]
        sys.stdout.write(f"\n=== {' '.join(words)}\n")
        try:
            arena()
            codes.append(0)
        except SystemExit as ended:
            codes.append(ended.code or 0)
        except Exception:  # noqa: BLE001 - as the interpreter would show it
            traceback.print_exc()
            codes.append(1)
        sys.stdout.flush()
    sys.stdout.write(f"\n{json.dumps(codes)}\n")


if __name__ == "__main__":
    main()
