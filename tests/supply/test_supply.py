"""What is installed is pinned and hashed, is a wheel, is listed for others to read, and may be used."""

import json
import re
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

from tests.supply.installed import ROOT, closure, declared, normal
from tests.supply.licences import examined, rules

LOCKS = {"app": ROOT / "locks" / "app.txt", "test": ROOT / "locks" / "test.txt"}
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ \\;]+)(?P<marker> ;[^\\]*)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(text):
    return {normal(m["name"]): m["version"] for line in text.splitlines() if (m := PIN.match(line))}


def constraints():
    lines = (ROOT / "tests" / "constraints.txt").read_text().splitlines()
    return {normal(n): v for n, _, v in (line.partition("==") for line in lines if "==" in line)}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(name):
    """So no index, no host and no path; and no pin without a hash, which pip would refuse anyway."""
    previous = "hash"
    for line in LOCKS[name].read_text().splitlines():
        kind = "pin" if PIN.match(line) else "hash" if HASH.match(line) else None
        assert kind, line
        assert kind == "hash" or previous == "hash", line
        previous = kind
    assert previous == "hash"


@pytest.mark.parametrize("name", LOCKS)
def test_locks_and_constraints_name_the_same_versions(name):
    pinned, known = pins(LOCKS[name].read_text()), constraints()
    pinned.pop("setuptools", None)  # comes with the environment; `pip freeze` leaves it out
    assert {n: v for n, v in pinned.items() if n in known and known[n] != v} == {}
    assert set(pinned) <= set(known)


def test_everything_that_users_install_is_locked():
    locked = set(pins(LOCKS["app"].read_text()))
    assert {normal(r.name) for r in declared()} <= locked
    assert set(closure()) <= locked


def test_no_code_of_others_runs_while_arena_is_installed():
    """Only wheels are taken: a source package runs its own code as it is built."""
    makefile = (ROOT / "Makefile").read_text()
    for stamp in ("CORE_STAMP", "APP_STAMP", "GPU_STAMP"):
        recipe = makefile.split(f"\n$({stamp}): ")[1].split("\n\n")[0]
        assert "$(WHEELS_ONLY)" in recipe, stamp
    assert "WHEELS_ONLY := --only-binary :all:" in makefile
    for name, distribution in closure().items():
        wheel = distribution.read_text("WHEEL")
        assert wheel, f"{name} was not installed from a wheel"
        origin = distribution.read_text("direct_url.json")
        assert origin is None, f"{name} was not installed from an index"


@pytest.mark.slow
def test_the_list_of_parts_is_valid_cyclonedx(tmp_path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    command = (ROOT / "Makefile").read_text().split("\nsbom: ")[1].split("\n\n")[0]
    words = command[command.index("cyclonedx_py") :].split()
    out = tmp_path / "sbom.json"
    words = [str(out) if w == "dist/sbom.json" else w for w in words]
    subprocess.run([sys.executable, "-W", "ignore", "-m", *words], cwd=ROOT, check=True, capture_output=True)
    text = out.read_text()
    told = json.loads(text)
    version = SchemaVersion.from_version(told["specVersion"])
    assert JsonStrictValidator(version).validate_str(text) is None
    assert JsonStrictValidator(version).validate_str(text.replace('"library"', '"book"')) is not None
    assert {normal(c["name"]): c["version"] for c in told["components"]} == pins(LOCKS["app"].read_text())
    assert str(Path.home()) not in text
    assert str(ROOT) not in text


def test_every_licence_is_allowed():
    found = examined(closure(), rules())
    assert [one for one in found if one.objection] == []
    assert len(found) > 50
    assert set(rules()["exceptions"]) <= {one.name for one in found}, "an exception that nothing needs any more"


class Package:
    def __init__(self, **told):
        self.version = "1"
        self.metadata = Message()
        for name, value in told.items():
            self.metadata[name.replace("_", "-")] = value


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        (Package(License_Expression="GPL-3.0-only"), False),
        (Package(License_Expression="MIT AND GPL-3.0-only"), False),
        (Package(License_Expression="GPL-3.0-only OR MIT"), True),
        (Package(License="MPL-2.0"), False),
        (Package(Classifier="License :: OSI Approved :: MIT License"), True),
        (Package(), False),
    ],
)
def test_a_licence_that_is_not_allowed_is_found(package, allowed):
    (found,) = examined({"it": package}, rules())
    assert (found.objection == "") is allowed
