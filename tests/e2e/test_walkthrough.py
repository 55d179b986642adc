"""The walk-through of the README, done to the letter on a copy of the project: a provider that the suites accept."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text().split("## One more provider")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", SECTION, re.DOTALL)
FILES = ["harness/providers/acme.py", "prompts/providers/acme.toml", "tests/contracts/cases/acme.py"]


@pytest.fixture
def copy(tmp_path):
    for part in ("arena", "harness", "prompts", "tests", "docs", "pyproject.toml"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, tmp_path / part)
    adapter, line, data, case = BLOCKS
    for name, text in zip(FILES, (adapter, data, case), strict=True):
        assert f"`{name}`" in SECTION
        (tmp_path / name).write_text(text)
    table = tmp_path / "harness/providers/__init__.py"
    table.write_text(table.read_text().replace("PROVIDERS = {\n", "PROVIDERS = {\n" + line))
    return tmp_path


def run(directory, *command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=directory, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(directory)}, timeout=100,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_provider_of_the_walk_through_passes_the_contract_suites(copy):
    code, said = run(copy, "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k", "acme")
    assert code == 0, said[-3000:]
    assert int(re.search(r"(\d+) passed", said)[1]) > 50


def test_without_its_line_or_its_bodies_the_suite_says_so(copy):
    (copy / "tests/contracts/cases/acme.py").unlink()
    code, said = run(
        copy, "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k", "every_registered_provider"
    )
    assert code == 1
    assert "acme" in said


def test_its_endpoint_can_be_shown(copy):
    code, said = run(copy, "harness.cli", "providers", "show", "acme/draw-1", "--dry-run")
    assert code == 0, said
    assert "POST https://api.acme.example/draw" in said
    assert "Authorization: Bearer •••" in said
    assert "cannot be told: seed, format" in said
