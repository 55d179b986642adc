"""Hosts that speak the OpenAI protocol in their own way: what is odd about each, over real sockets."""

import base64
import io
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import anyio
import httpx
import pytest
import uvicorn
from PIL import Image

from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Exchange, Job
from harness.sim.process import background
from harness.sim.server import app_of, uvicorn_config
from harness.sim.state import FileStore, Provider
from harness.transport import Transport
from tests.contracts.cases.litellm import CASE as LITELLM
from tests.contracts.cases.lumenfall import CASE as LUMENFALL
from tests.harness.sim.conftest import contender
from tests.servers import png

DIALECTS = ("lumenfall", "vllm-omni", "sglang", "localai", "litellm")
BASES = {"lumenfall": "/openai/v1", "litellm": ""}


@pytest.fixture(scope="module")
def simulator():
    contenders = [
        *(contender(name, protocol=name) for name in DIALECTS),
        *(contender(f"{name}-mixed", protocol=name, failures={"server_error": 0.5}, seed=3) for name in DIALECTS),
        contender("pinned", protocol="lumenfall", model="fal/sim", quirks=["rerouted"]),
        contender("rerouted", protocol="litellm", quirks=["rerouted"]),
    ]
    with background(contenders) as url:
        yield url


@contextmanager
def at_root(**fields):
    """One contender as a server of its own."""
    app = app_of(Provider(contender("alone", **fields), FileStore(), anyio.CapacityLimiter(2)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(10)


def generate(client, name, base="/v1", **fields):
    body = {"model": "sim", "prompt": "three red balloons", "size": "96x64", "seed": 3} | fields
    return client.post(f"/{name}{base}/images/generations", json=body)


def edit(client, name, files, base="/v1", **fields):
    form = {"model": "sim", "prompt": "make it night", "size": "96x64"} | fields
    return client.post(f"/{name}{base}/images/edits", data=form, files=files)


def inline(reply, index=0):
    return base64.b64decode(reply.json()["data"][index]["b64_json"])


def size_of(data):
    return Image.open(io.BytesIO(data)).size


@pytest.mark.parametrize("protocol", ["sglang", "localai"])
def test_an_image_by_address_is_found_under_a_prefix_and_at_the_root(protocol):
    fields = {"protocol": protocol, "delivery": "url"}
    with at_root(**fields) as client:
        url = generate(client, "", "v1", response_format="url").json()["data"][0]["url"]
        assert size_of(client.get(url).content) == (96, 64)
        assert url.startswith("/v1/images/" if protocol == "sglang" else f"{client.base_url}/generated-images/")
    with (
        background([contender("kept", **fields)]) as address,
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        url = generate(client, "kept", response_format="url").json()["data"][0]["url"]
        assert url.startswith("/kept/v1/images/" if protocol == "sglang" else f"{address}/kept/generated-images/")
        assert size_of(client.get(url).content) == (96, 64)


def test_localai_ignores_what_it_cannot_read(client):
    drawn = inline(generate(client, "localai", response_format="b64_json"))
    spoilt = ["data:image/png;base64,QUJD", "!", base64.b64encode(b"no image").decode()]
    assert inline(generate(client, "localai", response_format="b64_json", ref_images=spoilt)) == drawn
    good = base64.b64encode(png(80, 80)).decode()
    assert inline(generate(client, "localai", response_format="b64_json", ref_images=[good])) != drawn
    assert size_of(inline(generate(client, "localai", response_format="b64_json", size="tall"))) == (512, 512)
    assert generate(client, "localai", size="1x2x3").status_code == 500


def test_localai_draws_the_same_image_n_times_always_as_png_and_not_what_follows_a_bar(client):
    asked = {"response_format": "b64_json", "output_format": "webp"}
    reply = generate(client, "localai", n=2, prompt="three red balloons|blue", **asked)
    assert inline(reply) == inline(reply, 1) == inline(generate(client, "localai", **asked))
    assert Image.open(io.BytesIO(inline(reply))).format == "PNG"
    assert reply.json()["usage"]["total_tokens"] == 0


def test_sglang_clamps_the_number_and_takes_any_model(client):
    many = generate(client, "sglang", n=99, model="whatever", size="64x64", response_format="b64_json")
    assert len(many.json()["data"]) == 10
    assert len(generate(client, "sglang", n=-1, response_format="b64_json").json()["data"]) == 1
    refused = generate(client, "sglang")
    assert (refused.status_code, "cloud storage" in refused.json()["detail"]) == (400, True)
    sides = {"size": "auto", "width": 128, "height": 64, "response_format": "b64_json"}
    assert size_of(inline(generate(client, "sglang", **sides))) == (128, 64)


def test_vllm_omni_refuses_in_fastapis_way(client):
    statuses = {
        "url": generate(client, "vllm-omni", response_format="url"),
        "steps": generate(client, "vllm-omni", num_inference_steps=201),
        "model": generate(client, "vllm-omni", model="another"),
        "no image": edit(client, "vllm-omni", {"other": ("a.png", png(), "image/png")}),
        "bad image": edit(client, "vllm-omni", {"image": ("a.png", b"no", "image/png")}),
        "nowhere": client.get("/vllm-omni/v1/nowhere"),
    }
    assert {name: reply.status_code for name, reply in statuses.items()} == {
        "url": 422, "steps": 422, "model": 400, "no image": 422, "bad image": 400, "nowhere": 404,
    }  # fmt: skip
    assert all(set(reply.json()) == {"detail"} for reply in statuses.values())
    assert statuses["steps"].json()["detail"][0]["loc"] == ["body", "num_inference_steps"]
    same = edit(client, "vllm-omni", {"image": ("a.png", png(120, 72), "image/png")}, size="auto").json()
    assert (same["size"], same["metrics"], "seed" in same) == ("120x72", None, False)


def test_litellm_takes_one_name_for_images(client):
    image = ("a.png", png(80, 80), "image/png")
    both = edit(client, "litellm", [("image", image), ("image[]", image)], base="")
    assert (both.status_code, both.json()) == (422, {"detail": "Cannot specify both 'image' and 'image[]'"})
    for base in ("", "/v1"):
        assert edit(client, "litellm", [("image[]", image)], base=base).status_code == 200


def test_lumenfall_draws_the_nearest_of_its_sizes(client):
    asked = [{"size": "1280x720"}, {"size": "16:9"}, {"size": "", "aspect_ratio": "16:9", "resolution": "1K"},
             {"size": "1024x1024", "aspect_ratio": "16:9"}, {"size": "auto"}]  # fmt: skip
    replies = [generate(client, "lumenfall", "/openai/v1", response_format="b64_json", **fields) for fields in asked]
    wide, square = (1360, 768), (1024, 1024)
    assert [size_of(inline(reply)) for reply in replies] == [wide, wide, wide, square, square]
    refused = [generate(client, "lumenfall", "/openai/v1", **bad) for bad in
               ({"size": "huge"}, {"size": "20000x4"}, {"resolution": "4K"}, {"prompt": "x" * 1001})]  # fmt: skip
    assert {(r.status_code, r.json()["error"]["code"]) for r in refused} == {(400, "INVALID_REQUEST")}


def test_lumenfall_estimates_and_remembers(client):
    before = client.get("/truth").json()["lumenfall"]["requests"]
    estimate = client.post("/lumenfall/openai/v1/images/generations?dryRun=true", json={"model": "sim"}).json()
    assert (estimate["estimated"], estimate["total_cost_micros"]) == (True, 4000)
    assert client.get("/truth").json()["lumenfall"]["requests"] == before
    name = generate(client, "lumenfall", "/openai/v1").headers["x-lumenfall-request-id"]
    found = client.get(f"/lumenfall/v1/requests/{name}").json()
    assert (found["id"], found["status"], found["cost"]) == (name, "completed", 0.004)
    assert client.get("/lumenfall/v1/requests/none").json()["error"]["code"] == "NOT_FOUND"
    assert client.get("/lumenfall/v1/balance").json()["available"]["currency"] == "usd"


async def attempt(case, base_url, **changes):
    """One attempt of our own at a simulator, and the lookup after it."""
    clock, adapter, job = SystemClock(), provider(case.protocol), case.job(seed=3, **changes)
    reached = Job(job.endpoint.model_copy(update={"base_url": base_url, "key_env": None}), job.request, None)
    connection = Transport(clock).connection()
    try:
        delivery = await Engine(clock).attempt(adapter, reached, connection, timeout_s=10)
        found = []
        for call in adapter.lookups(reached.endpoint, None, delivery.request_id):
            sent = await connection.send(connection.prepare(call, with_auth=False), origin_ns=0)
            found.append(adapter.read_lookup(reached.endpoint, Exchange(call, 200, {}, sent.exchange.body)))
    finally:
        await connection.close()
    return delivery, found


async def test_another_vendor_than_the_pinned_one_is_noticed(simulator):
    pinned = replace(LUMENFALL, endpoint={"model": "fal/sim"})
    delivery, (found,) = await attempt(pinned, f"{simulator}/pinned/openai/v1")
    assert delivery.done.model == "replicate/sim"
    assert delivery.done.remarks == ("served by replicate, although pinned to fal", "the gateway made 2 attempts")
    assert str(delivery.reported_cost_usd) == str(found.cost_usd) == "0.004"
    assert found.server_ms["total"] >= 0


async def test_falling_back_is_switched_off_where_that_is_possible_and_else_noticed(simulator):
    case = replace(LITELLM, endpoint={"model": "sim"})
    generated, _ = await attempt(case, f"{simulator}/rerouted")
    assert generated.done.remarks == ()
    edited, _ = await attempt(case, f"{simulator}/rerouted", mode="edit")
    assert edited.done.remarks == ("the proxy fell back 1×, answered by http://spare.sim.invalid/v1",)
    assert set(edited.done.server_ms) == {"total", "overhead"}


@pytest.mark.parametrize("protocol", DIALECTS)
def test_everything_is_counted(client, protocol):
    name, base = f"{protocol}-mixed", BASES.get(protocol, "/v1")
    for _ in range(12):
        generate(client, name, base, response_format="b64_json", size="64x64")
    generate(client, name, base, n="many")
    client.post(f"/{name}{base}/images/generations", json={}, headers={"authorization": "Bearer invalid"})
    client.post(f"/{name}{base}/images/generations", content=b"{")
    truth = client.get("/truth").json()[name]
    counted = truth["successes"] + sum(truth["faults"].values()) + sum(truth["refusals"].values()) + truth["abandoned"]
    assert truth["requests"] == counted == 15
    assert truth["refusals"] == {"invalid": 2, "unauthorized": 1}
    assert 0 < truth["faults"]["server_error"] < 12
