"""Every test that the threat model names is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.compile(r"tests/([\w/]+\.py)::(\w+)")


def functions(path):
    tree = ast.parse((ROOT / "tests" / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_named_test_exists():
    named = NAMED.findall(PAGE)
    assert len(named) > 25
    missing = [f"{p}::{n}" for p, n in named if not (ROOT / "tests" / p).is_file() or n not in functions(p)]
    assert missing == []


def test_every_line_about_a_threat_names_a_test():
    tables = PAGE.split("| threat |")[1:]
    lines = [line for table in tables for line in table.split("\n\n")[0].splitlines()[2:]]
    assert len(lines) > 20
    assert [line for line in lines if not NAMED.search(line.rsplit("|", 2)[1])] == []
