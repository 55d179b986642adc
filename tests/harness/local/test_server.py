"""The protocol, with a stub in the place of the pipeline."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from harness.local.encode import FileStore
from harness.local.envelope import MAX_BODY_BYTES
from harness.local.faults import DeviceMemoryError, InterruptedJobError
from harness.local.settings import LocalSettings

GENERATIONS = "/images/generations"
EDITS = "/images/edits"
ASK = {"prompt": "a cat", "size": "64x64", "seed": 7}


def refusal(reply, status: int) -> dict:
    assert reply.status_code == status, reply.text
    assert reply.headers["x-request-id"]
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert "Traceback" not in reply.text
    return error


def test_a_reply_has_the_image_and_all_that_was_used_and_measured(stub, start, pictures):
    reply = start(stub).post(GENERATIONS, json=ASK)
    assert pictures.opened(pictures.of(reply)).getpixel((0, 0)) == (7, 0, 0)
    body = reply.json()
    assert abs(body["created"] - time.time()) < 60
    assert (body["model"], body["seed"], body["size"]) == ("flux.2-klein-4b", 7, "64x64")
    assert (body["output_format"], body["device"]) == ("png", "cpu")
    names = ["queue", "text_encode", "denoise", "decode", "generate", "device", "encode", "step_1"]
    assert list(body["timings_ms"]) == names  # the steps last: a client reads so many timings and no more
    assert (body["batch"], body["embedding_cached"]) == ({"jobs": 1, "images": 1}, False)
    assert not {"peak_memory_mb", "energy_j"} & set(body)
    assert "x-cost-usd" not in reply.headers
    assert "x-arena-simulated" not in reply.headers


def test_health_and_models_name_what_is_served(stub, start):
    client = start(stub, tiny=True)
    health = client.get(str(client.base_url).removesuffix("/v1/") + "/health").json()
    names = {"model": "tiny-flux.2-klein", "device": "cpu", "dtype": "float32"}
    devices = [{"device": "cpu", "state": "ready"}]
    queue = {"running": 0, "waiting": 0}
    assert health == {"status": "ready", "simulated": False, "devices": devices, "queue": queue, **names}
    assert [model["id"] for model in client.get("/models").json()["data"]] == ["tiny-flux.2-klein"]


def test_defaults_come_from_the_settings_and_an_unnamed_seed_is_echoed(stub, start):
    client = start(stub, steps=3, guidance=2.5, max_side_px=512)
    seeds = {client.post(GENERATIONS, json={"prompt": "a", "seed": None}).json()["seed"] for _ in range(3)}
    assert seeds == {job.seed for job in stub.jobs}
    assert len(seeds) == 3
    job = stub.jobs[0]
    assert (job.width_px, job.height_px, job.steps, job.guidance, job.n, job.images) == (
        512,
        512,
        3,
        2.5,
        1,
        (),
    )


def test_what_is_asked_for_reaches_the_pipeline(stub, start, pictures):
    asked = {
        **ASK,
        "size": "128x64",
        "n": 3,
        "num_inference_steps": 9,
        "guidance_scale": 0,
        "user": "someone",
    }
    reply = start(stub).post(GENERATIONS, json=asked)
    job = stub.jobs[0]
    assert (job.prompt, job.width_px, job.height_px, job.steps, job.guidance, job.n) == (
        "a cat",
        128,
        64,
        9,
        0.0,
        3,
    )
    assert [pictures.opened(pictures.of(reply, i)).getpixel((0, 0))[0] for i in range(3)] == [7, 8, 9]


@pytest.mark.parametrize("size", ["65x64", "48x64", "4096x64", "64", "64X64", "0x0", "64x64x64", ""])
def test_impossible_sizes_are_refused(stub, start, size):
    error = refusal(start(stub).post(GENERATIONS, json={**ASK, "size": size}), 400)
    assert (error["type"], error["param"]) == ("invalid_request_error", "size")
    assert "multiples of 16" in error["message"]
    assert stub.jobs == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ""),
        ("prompt", 5),
        ("n", 5),
        ("n", 0),
        ("seed", -1),
        ("seed", "x"),
        ("num_inference_steps", 0),
        ("guidance_scale", 99),
        ("output_format", "gif"),
        ("response_format", "file"),
        ("stream", True),
    ],
)
def test_impossible_values_are_refused_by_name(stub, start, field, value):
    error = refusal(start(stub).post(GENERATIONS, json={**ASK, field: value}), 400)
    assert (error["type"], error["param"]) == ("invalid_request_error", field)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(stub, start, body):
    assert refusal(start(stub).post(GENERATIONS, content=body), 400)["code"] == "invalid_json"


def test_unknown_models_addresses_and_methods(stub, start):
    client = start(stub)
    error = refusal(client.post(GENERATIONS, json={**ASK, "model": "flux-9"}), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    for name in ("flux.2-klein-4b", "black-forest-labs/FLUX.2-klein-4B"):
        assert client.post(GENERATIONS, json={**ASK, "model": name}).status_code == 200
    refusal(client.get("/nothing"), 404)
    refusal(client.get(GENERATIONS), 405)
    refusal(client.get("/images/files/00.png"), 404)


@pytest.mark.parametrize(("name", "pillow_name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("delivery", ["b64_json", "url"])
def test_formats_and_deliveries(stub, start, pictures, name, pillow_name, delivery):
    client = start(stub)
    reply = client.post(GENERATIONS, json={**ASK, "output_format": name, "response_format": delivery})
    if delivery == "url":
        file = client.get(reply.json()["data"][0]["url"])
        assert file.headers["content-type"] == f"image/{name}"
        data = file.content
    else:
        data = pictures.of(reply)
    assert (pictures.opened(data).format, pictures.opened(data).size) == (pillow_name, (64, 64))


def test_the_store_forgets_the_oldest_file():
    store = FileStore(max_files=2, max_bytes=10)
    first, second = store.put(b"1234", "png"), store.put(b"1234", "png")
    assert (store.get(first), store.get(second)) == (b"1234", b"1234")
    large = store.put(b"0123456789ab", "png")
    assert (store.get(first), store.get(second), store.get(large)) == (None, None, b"0123456789ab")


@pytest.mark.parametrize("part", ["image", "image[]"])
def test_edit_passes_references_and_takes_the_size_of_the_first(stub, start, pictures, part):
    files = [
        (part, ("a.png", pictures.png(100, 83), "image/png")),
        (part, ("b.png", pictures.png(64, 64), "image/png")),
    ]
    fields = {"prompt": "redder", "size": "auto", "seed": "3", "n": "2", "output_format": "jpeg"}
    reply = start(stub).post(EDITS, data=fields, files=files)
    assert pictures.opened(pictures.of(reply, 1)).size == (96, 80)
    job = stub.jobs[0]
    assert (job.seed, job.n, [image.size for image in job.images]) == (3, 2, [(100, 83), (64, 64)])
    assert {image.mode for image in job.images} == {"RGB"}


@pytest.mark.parametrize(
    ("files", "param"),
    [
        ([], "image"),
        ([("image", b"not an image")], "image"),
        ([("image", b"\x89PNG\r\n\x1a\n cut off")], "image"),
        ([("image", (32, 32))], "image"),
        ([("image", (64, 640))], "image"),
        ([("image", (96, 80)), ("mask", (96, 80))], "mask"),
        ([("image[]", (64, 64))] * 9, "image"),
    ],
)
def test_references_that_cannot_be_used_are_refused(stub, start, pictures, files, param):
    parts = [
        (name, ("file.png", file if isinstance(file, bytes) else pictures.png(*file), "image/png"))
        for name, file in files
    ]
    error = refusal(start(stub).post(EDITS, data={"prompt": "x"}, files=parts or None), 400)
    assert error["param"] == param
    assert stub.jobs == []


def test_a_full_queue_is_said_with_429_and_when_to_retry(stub, start):
    stub.may_finish.clear()
    client = start(stub, max_queue=0)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, GENERATIONS, json=ASK)
        stub.started.get(timeout=10)
        reply = client.post(GENERATIONS, json=ASK)
        stub.may_finish.set()
        assert first.result(10).status_code == 200
    error = refusal(reply, 429)
    assert (error["code"], error["type"]) == ("queue_full", "rate_limit_error")
    assert int(reply.headers["retry-after"]) >= 1


def test_a_client_that_leaves_takes_its_waiting_job_along(stub, start):
    def leaves(seed: int) -> bool:
        try:
            return client.post(GENERATIONS, json={**ASK, "seed": seed}, timeout=0.5).status_code != 429
        except httpx.ReadTimeout:
            return True

    stub.may_finish.clear()
    client = start(stub, max_queue=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, GENERATIONS, json={**ASK, "seed": 1})
        stub.started.get(timeout=10)
        assert leaves(2)
        while not leaves(3):  # there is room for it only once the one that left has been taken out
            time.sleep(0.01)
        stub.may_finish.set()
        assert first.result(10).status_code == 200
    assert client.post(GENERATIONS, json={**ASK, "seed": 4}).status_code == 200
    assert 2 not in [job.seed for job in stub.jobs]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DeviceMemoryError("cuda ran out of memory"), 503, "out_of_memory"),
        (InterruptedJobError("the server is being stopped"), 503, "stopping"),
        (ValueError("secret detail"), 500, "internal_error"),
    ],
)
def test_a_failing_job_is_said_and_the_next_one_works(stub, start, error, status, code):
    client = start(stub)
    stub.raises.append(error)
    said = refusal(client.post(GENERATIONS, json=ASK), status)
    assert (said["code"], said["type"]) == (code, "server_error")
    assert "secret" not in said["message"]
    assert client.post(GENERATIONS, json=ASK).status_code == 200


def test_a_key_is_required_once_it_is_set(stub, start, monkeypatch):
    monkeypatch.setenv("ARENA_LOCAL_KEY", "sesame")
    client = start(stub)
    for headers in (
        {},
        {"Authorization": "Bearer open"},
        {"Authorization": "sesame"},
        {"Authorization": "Bearer é"},
    ):
        encoded = {name: value.encode() for name, value in headers.items()}
        assert refusal(client.post(GENERATIONS, json=ASK, headers=encoded), 401)["code"] == "invalid_api_key"
    assert stub.jobs == []
    reply = client.post(GENERATIONS, json={**ASK, "response_format": "url"}, headers={"Authorization": "Bearer sesame"})
    assert client.get(reply.json()["data"][0]["url"]).status_code == 200
    assert client.get(str(client.base_url).removesuffix("/v1/") + "/health").status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(stub, start, announced):
    piece = bytes(1024 * 1024)
    pieces = (piece for _ in range(MAX_BODY_BYTES // len(piece) + 1))
    content = b"".join(pieces) if announced else pieces
    assert refusal(start(stub).post(GENERATIONS, content=content), 413)["code"] == "too_large"


def test_every_reply_of_random_weights_says_so(stub, start):
    stub.simulated = True
    client = start(stub, tiny=True)
    replies = [
        client.post(GENERATIONS, json=ASK),
        client.post(GENERATIONS, json={}),
        client.get("/models"),
        client.get("/nothing"),
    ]
    assert {reply.headers["X-Arena-Simulated"] for reply in replies} == {"random weights"}
    assert len({reply.headers["x-request-id"] for reply in replies}) == 4


def test_compressing_a_file_does_not_hold_the_device_back(stub, start, monkeypatch):
    encoding, may_end = threading.Event(), threading.Event()

    def slow_encode(image, image_format):
        encoding.set()
        assert may_end.wait(10)
        return b"file"

    monkeypatch.setattr("harness.local.app.encode", slow_encode)
    client = start(stub)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, GENERATIONS, json=ASK)
        assert encoding.wait(10)
        stub.started.get(timeout=10)
        second = pool.submit(client.post, GENERATIONS, json=ASK)
        stub.started.get(timeout=10)
        assert not first.done()
        may_end.set()
        assert [reply.result(10).status_code for reply in (first, second)] == [200, 200]


def test_told_to_stop_it_answers_what_waits_at_once_and_what_runs_when_it_gave_up(stub, serving, monkeypatch):
    monkeypatch.setattr("harness.local.app.PATIENCE_S", 0.5)
    stub.raises.append(InterruptedJobError("the server is being stopped and gave up this job"))
    stub.may_finish.clear()
    with ThreadPoolExecutor(2) as pool:
        with serving(LocalSettings(), stub) as base_url:
            ask = partial(httpx.post, f"{base_url}/images/generations", json={"prompt": "a", "size": "64x64"})
            running = pool.submit(ask, timeout=30)
            stub.started.get(timeout=10)
            waiting = pool.submit(ask, timeout=30)
            while httpx.get(base_url.replace("/v1", "/health")).json()["queue"]["waiting"] < 1:
                time.sleep(0.02)
        replies = [waiting.result(), running.result()]
    assert [(reply.status_code, reply.json()["error"]["code"]) for reply in replies] == [(503, "stopping")] * 2
    assert stub.interrupted


def test_told_to_stop_it_lets_a_job_that_is_nearly_done_come_to_its_end(stub, serving):
    def interrupt():
        stub.raises.append(InterruptedJobError("gave up"))
        stub.may_finish.set()

    stub.interrupt = interrupt
    stub.may_finish.clear()
    with ThreadPoolExecutor(1) as pool, serving(LocalSettings(), stub) as base_url:
        ask = partial(httpx.post, f"{base_url}/images/generations", json={"prompt": "a", "size": "64x64"})
        reply = pool.submit(ask, timeout=30)
        stub.started.get(timeout=10)
        ending = threading.Timer(0.3, stub.may_finish.set)
        ending.start()
    ending.join()
    assert reply.result().status_code == 200


def test_an_edit_without_a_size_is_as_large_as_its_picture_or_as_is_served(stub, start, pictures):
    client = start(stub, max_side_px=512)
    for sides_px, size in [((300, 200), "288x192"), ((1500, 1000), "512x336"), ((1000, 4000), "128x512")]:
        reply = client.post(EDITS, data={"prompt": "redder"}, files={"image": pictures.png(*sides_px)})
        assert (reply.status_code, reply.json().get("size")) == (200, size)


def test_a_body_of_many_brackets_is_not_json(stub, start):
    reply = start(stub).post(GENERATIONS, content=b"[" * 100_000, headers={"content-type": "application/json"})
    assert refusal(reply, 400)["code"] == "invalid_json"
