from __future__ import annotations

import sys
from types import SimpleNamespace

from harness.local.clock import StageClock


def test_cpu_stages_nest_and_add_up():
    clock = StageClock(SimpleNamespace(type="cpu"))
    with clock.stage("whole"):
        for _ in range(3):
            with clock.stage("part"):
                sum(range(1000))
    timings_ms = clock.timings_ms()
    assert 0 < timings_ms["part"] <= timings_ms["whole"]


def test_cuda_stages_are_timed_by_events_of_the_device(monkeypatch):
    recorded = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            recorded.append(self)
            self.at_ms = 10.0 * len(recorded)
            self.stream = stream
            self.waited = False

        def synchronize(self):
            self.waited = True

        def elapsed_time(self, end):
            assert end.waited
            return end.at_ms - self.at_ms

    cuda = SimpleNamespace(Event=Event, current_stream=lambda device: ("stream", device.type))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    clock = StageClock(SimpleNamespace(type="cuda"))
    with clock.stage("generate"), clock.stage("denoise"):
        pass
    assert clock.timings_ms() == {"denoise": 10.0, "generate": 30.0}
    assert {event.stream for event in recorded} == {("stream", "cuda")}
