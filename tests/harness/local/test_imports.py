import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["settings", "tiny", "pipeline", "worker", "app", "device", "server", "process"])
def test_importing_does_not_import_torch(module):
    code = (
        f"import sys, harness.local.{module}\n"
        "print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
