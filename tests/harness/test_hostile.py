"""Every misbehaviour of the catalogue, tried beside an endpoint that works, within a bound on memory."""

import json
import subprocess
import sys

import anyio
import pytest

from arena.domain.failure import FailureKind
from harness.sim.hostile.case import IMAGE_PATH, KEY, Case, answer, image_at, replying, said
from harness.sim.hostile.catalogue import CATALOGUE
from harness.sim.hostile.pictures import inline, picture
from harness.sim.hostile.rig import try_all

pytestmark = pytest.mark.slow

CASES = [case for cases in CATALOGUE.values() for case in cases]
MOST_MEMORY_MB = 1100
"""For client and servers together: 96 MB is the largest answer, 256 MB the largest image once it is decoded."""


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """One run over the whole catalogue."""
    images = tmp_path_factory.mktemp("images")
    return anyio.run(try_all, [case for case in CASES if not case.heavy], images)


@pytest.mark.slow
@pytest.mark.parametrize("name", [case.name for case in CASES if not case.heavy])
def test_every_misbehaviour_becomes_what_it_should(tried, name):
    (verdict,) = [v for v in tried.cases if v.case.name == name]
    assert not verdict.problems, (verdict.became, verdict.message)


@pytest.mark.slow
def test_the_endpoint_beside_them_is_not_disturbed(tried):
    assert tried.good_trials >= 10
    assert not tried.good_failures
    assert not tried.left_out


@pytest.mark.slow
def test_bombs_stay_within_a_bound_of_memory():
    """In a process of their own, whose peak is told at its end."""
    code = (
        "import json, resource, sys, tempfile, pathlib, anyio\n"
        "from harness.sim.hostile.catalogue import CATALOGUE\n"
        "from harness.sim.hostile.rig import try_all\n"
        "heavy = [c for cases in CATALOGUE.values() for c in cases if c.heavy]\n"
        "with tempfile.TemporaryDirectory() as images:\n"
        "    found = anyio.run(try_all, heavy, pathlib.Path(images))\n"
        "told = {v.case.name: [v.became, v.message, v.problems] for v in found.cases}\n"
        # Linux's ru_maxrss begins with what the parent held at the fork; VmHWM is this process's own.
        "status = pathlib.Path('/proc/self/status')\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024\n"
        "lines = status.read_text().splitlines() if status.exists() else []\n"
        "own = [int(line.split()[1]) / 1024 for line in lines if line.startswith('VmHWM')]\n"
        "peak_mb = own[0] if own else peak\n"
        "print(json.dumps([told, found.good_failures, peak_mb]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    told, good_failures, peak_mb = json.loads(done.stdout)
    assert {name: t for name, t in told.items() if t[2]} == {}
    assert not good_failures
    assert len(told) == sum(case.heavy for case in CASES)
    assert peak_mb < MOST_MEMORY_MB


def test_the_catalogue_is_as_large_as_it_says_and_names_each_case_once():
    assert len(CASES) >= 80
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.says and case.becomes for case in CASES)


GOOD = said(inline(picture()))


async def problems_of(case, tmp_path):
    (verdict,) = (await try_all([case], tmp_path)).cases
    return " / ".join(verdict.problems)


async def test_another_failure_than_the_expected_one_is_a_problem(tmp_path):
    case = Case("x", "works", (FailureKind.TLS,), replying(GOOD))
    assert "became ok, not tls" in await problems_of(case, tmp_path)


async def test_a_visit_to_a_host_that_must_not_be_called_is_a_problem(tmp_path):
    case = Case("x", "leads away", ("ok",), image_at("{trap}/i.png"), result_hosts=("127.0.0.1",))
    assert "connections to a host that must not be called" in await problems_of(case, tmp_path)


async def test_a_key_in_a_download_or_at_another_host_is_a_problem(tmp_path):
    polled = replying(said({"id": "t1", "polling_url": f"{{own}}{IMAGE_PATH}"}), said({"id": "t1", "status": "Error"}))
    case = Case("x", "asks for the key where images are", (FailureKind.PROVIDER_ERROR,), polled, protocol="bfl")
    assert "the key went to a download" in await problems_of(case, tmp_path)
    elsewhere = replying(said({"id": "t1", "polling_url": "{trap}/"}))
    keyed = Case("x", "asks at a host of the key", (FailureKind.BAD_RESPONSE,), elsewhere, protocol="bfl",
                 key_hosts=("127.0.0.1:{trap_port}",))  # fmt: skip
    assert "the key went to another host" in await problems_of(keyed, tmp_path)


async def test_a_message_without_what_it_should_say_is_a_problem(tmp_path):
    case = Case("x", "fails", (FailureKind.PROVIDER_ERROR,), replying(answer(b"{}", "500 No")), mentions="boom")
    assert "does not speak of 'boom'" in await problems_of(case, tmp_path)


async def test_a_server_that_is_broken_itself_does_not_pass_for_a_hostile_one(tmp_path):
    async def broken(_visit):
        raise KeyError(KEY[:6])

    case = Case("x", "is broken", (FailureKind.PROTOCOL,), broken)
    assert "the case itself is broken: KeyError" in await problems_of(case, tmp_path)
