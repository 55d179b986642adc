"""Where the time goes: our marks and the server's own times, apart."""

import pandas as pd

from arena.metrics.phases import PHASES

ROWS = pd.DataFrame(
    {
        "prompt_id": ["a", "b", "c", "d"],
        "status": ["succeeded", "succeeded", "succeeded", "failed"],
        "accepted_ms": [10.0, 20.0, 30.0, 999.0],
        "generation_ms": [100.0, 200.0, 300.0, 999.0],
        "time_to_image_ms": [150.0, 260.0, 300.0, None],
        "last_pending_ms": [80.0, None, 250.0, None],
        "first_done_ms": [95.0, None, 290.0, None],
        "server_ms": [
            '{"queue": 5, "predict": 40}',
            '{"predict": 60}',
            '{"generate": 50, "queue": 7}',
            '{"predict": 1}',
        ],
    }
).astype({"time_to_image_ms": "Float64", "last_pending_ms": "Float64", "first_done_ms": "Float64"})


def test_phases_are_medians_of_successes_that_have_them():
    found = {metric.name: metric.compute(ROWS) for metric in PHASES}
    assert {name: (figure.value, figure.n) for name, figure in found.items()} == {
        "accepted_p50_ms": (20.0, 3),
        "server_queue_p50_ms": (6.0, 2),
        "server_compute_p50_ms": (50.0, 3),
        "result_p50_ms": (200.0, 3),
        "download_p50_ms": (55.0, 2),
        "poll_bracket_p50_ms": (27.5, 2),
    }


def test_what_no_row_tells_is_unknown_not_zero():
    silent = ROWS.assign(server_ms="{}", last_pending_ms=pd.NA, first_done_ms=pd.NA)
    found = {metric.name: metric.compute(silent).value for metric in PHASES}
    assert found["server_queue_p50_ms"] is found["server_compute_p50_ms"] is found["poll_bracket_p50_ms"] is None
