"""Images are decoded in other processes, which end with this one."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from harness.decoder import Decoder
from harness.images import BadImageError
from tests.servers import png

pytestmark = pytest.mark.slow


def test_facts_and_complaints_come_back_from_the_other_process(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(png(48, 32))
    bad.write_bytes(b"hello")
    with Decoder(1) as decoder:
        assert decoder.inspect(good).width_px == 48
        with pytest.raises(BadImageError, match="no PNG, JPEG or WebP image"):
            decoder.inspect(bad)
        assert decoder.inspect(good).height_px == 32


def test_images_are_still_decoded_when_the_processes_are_killed(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(png(48, 32))
    bad.write_bytes(b"hello")
    with Decoder(1) as decoder:
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        for _ in range(2):
            assert decoder.inspect(good).width_px == 48
            with pytest.raises(BadImageError):
                decoder.inspect(bad)


def test_the_processes_do_not_outlive_a_parent_that_is_killed():
    code = (
        "import time, multiprocessing\nfrom harness.decoder import Decoder\nif __name__ == '__main__':\n"
        "    with Decoder(2):\n        print(*[p.pid for p in multiprocessing.active_children()], flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    assert len(children) == 2
    deadline = time.monotonic() + 20
    while any(_exists(pid) for pid in children):
        assert time.monotonic() < deadline, "a decoding process is still there"
        time.sleep(0.1)


def _exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
