"""The OpenAI protocol over real sockets."""

from __future__ import annotations

import base64
import io
import threading
import time

import httpx
import pytest
from PIL import Image


def generate(client, name="plain", **fields):
    body = {"model": "sim", "prompt": "three red balloons", "size": "96x64"} | fields
    return client.post(f"/{name}/v1/images/generations", json=body)


def picture(reply, index=0):
    return Image.open(io.BytesIO(image_bytes(reply, index)))


def image_bytes(reply, index=0):
    return base64.b64decode(reply.json()["data"][index]["b64_json"])


def png(color="teal", size=(80, 80)):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_image_has_the_size_and_format_that_were_asked_for(client, image_format):
    image = picture(generate(client, output_format=image_format, seed=1))
    assert (image.size, image.format) == ((96, 64), image_format.upper())


def test_every_reply_says_that_it_is_simulated(client):
    replies = [
        client.get("/"),
        client.get("/nowhere"),
        generate(client),
        generate(client, size="huge"),
        generate(client, "openai-server-error"),
        client.post("/cog-plain/predictions", json={}),
    ]
    assert {reply.headers["x-arena-simulated"] for reply in replies} == {"simulator"}


def test_the_seed_alone_decides_the_picture(client):
    first, again, other = (image_bytes(generate(client, seed=seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_the_reply_tells_seed_and_timings(client):
    body = generate(client, seed=7).json()
    assert body["seed"] == 7
    assert set(body["timings_ms"]) == {"queue", "generate"}
    assert "seed" in generate(client).json()


def test_several_images_are_different(client):
    reply = generate(client, n=3, seed=1)
    assert len({image_bytes(reply, index) for index in range(3)}) == 3


def test_an_image_delivered_by_address_can_be_downloaded(client):
    reply = generate(client, "by-url")
    url = reply.json()["data"][0]["url"]
    download = client.get(url)
    assert download.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(download.content)).size == (96, 64)
    missing = client.get("/by-url/files/none.png")
    assert missing.status_code == 404


def test_the_client_chooses_the_delivery(client):
    assert "b64_json" in generate(client, "by-url", response_format="b64_json").json()["data"][0]
    assert "url" in generate(client, "plain", response_format="url").json()["data"][0]


@pytest.mark.parametrize("field", ["image", "image[]"])
def test_edit_changes_the_given_image(client, field):
    form = {"model": "sim", "prompt": "make it night", "size": "96x64", "seed": "3"}
    reply = client.post("/plain/v1/images/edits", data=form, files=[(field, ("a.png", png(), "image/png"))])
    again = client.post("/plain/v1/images/edits", data=form, files=[(field, ("a.png", png("red"), "image/png"))])
    assert picture(reply).size == (96, 64)
    assert image_bytes(reply) != image_bytes(again)


def test_edit_without_a_size_keeps_that_of_the_image(client):
    form = {"model": "sim", "prompt": "add snow"}
    files = [
        ("image[]", ("a.png", png(size=(120, 70)), "image/png")),
        ("image[]", ("b.png", png(), "image/png")),
    ]
    assert picture(client.post("/plain/v1/images/edits", data=form, files=files)).size == (120, 70)


def test_edit_refuses_what_is_no_image(client):
    form = {"model": "sim", "prompt": "x"}
    bad = client.post("/plain/v1/images/edits", data=form, files={"image": ("a.png", b"no", "image/png")})
    none = client.post("/plain/v1/images/edits", data=form, files={"other": ("a.png", png(), "image/png")})
    off = client.post("/text-only/v1/images/edits", data=form, files={"image": ("a.png", png(), "image/png")})
    assert [reply.json()["error"]["code"] for reply in (bad, none, off)] == [
        "invalid_image",
        "missing_required_parameter",
        "unsupported",
    ]


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"model": "other"}, 404, "model_not_found", "model"),
        ({"size": "big"}, 400, "invalid_size", "size"),
        ({"size": "16x16"}, 400, "invalid_size", "size"),
        ({"prompt": ""}, 400, "invalid_value", "prompt"),
        ({"n": 99}, 400, "invalid_value", "n"),
        ({"output_format": "gif"}, 400, "invalid_value", "output_format"),
    ],
)
def test_bad_requests_get_the_error_envelope(client, fields, status, code, param):
    reply = generate(client, **fields)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "code", "param"}
    assert reply.headers["x-request-id"].startswith("req_")


def test_malformed_json_and_a_wrong_key_are_refused(client):
    path = "/plain/v1/images/generations"
    assert client.post(path, content=b"{").json()["error"]["type"] == "invalid_request_error"
    reply = client.post(path, json={}, headers={"authorization": "Bearer invalid"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
    assert client.get(path).status_code == 405


def test_models_lists_the_one_that_is_served(client):
    assert [model["id"] for model in client.get("/plain/v1/models").json()["data"]] == ["sim"]


def test_a_success_says_what_it_cost_only_if_the_contender_reports_costs(client):
    assert generate(client, "billed", n=2).headers["x-sim-cost-usd"] == "0.008"
    assert "x-sim-cost-usd" not in generate(client, "plain").headers


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("server-error", 500, "server_error"),
        ("unavailable", 503, "server_error"),
        ("rate-limited", 429, "requests"),
        ("moderated", 400, "image_generation_user_error"),
    ],
)
def test_faults_with_an_envelope(client, fault, status, kind):
    reply = generate(client, f"openai-{fault}")
    assert (reply.status_code, reply.json()["error"]["type"]) == (status, kind)
    assert ("retry-after" in reply.headers) == (status == 429)
    if fault == "moderated":
        assert reply.json()["error"]["code"] == "moderation_blocked"


def test_a_truncated_reply_breaks_off(client):
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        generate(client, "openai-truncated")


def test_a_reset_connection_gives_no_answer(client):
    with pytest.raises(httpx.TransportError):
        generate(client, "openai-reset")


def test_a_hanging_request_is_not_answered(client):
    with pytest.raises(httpx.ReadTimeout):
        client.post(
            "/openai-hang/v1/images/generations",
            json={"model": "sim", "prompt": "x", "size": "64x64"},
            timeout=0.5,
        )


def test_spoilt_successes(client):
    assert not image_bytes(generate(client, "openai-garbage")).startswith(b"\x89PNG")
    assert picture(generate(client, "openai-wrong-size", size="128x96")).size == (64, 48)
    page = generate(client, "openai-html")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_beyond_capacity_a_request_is_refused(simulator, client):
    def hold():
        with httpx.Client(base_url=simulator, trust_env=False) as other:
            generate(other, "narrow")

    held = threading.Thread(target=hold)
    held.start()
    until(lambda: client.get("/truth").json()["narrow"]["in_flight"] == 1)
    reply = generate(client, "narrow")
    held.join()
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert float(reply.headers["retry-after"]) > 0


def test_a_client_that_goes_away_frees_its_place(client):
    with pytest.raises(httpx.ReadTimeout):
        client.post("/slow/v1/images/generations", json={"model": "sim", "prompt": "x"}, timeout=0.3)
    until(lambda: client.get("/truth").json()["slow"]["abandoned"] == 1)
    assert client.get("/truth").json()["slow"]["in_flight"] == 0


def test_the_truth_equals_what_a_client_saw(client):
    seen = {"ok": 0, "server_error": 0, "moderated": 0, "reset": 0}
    for _ in range(40):
        try:
            status = generate(client, "mixed", size="64x64").status_code
            seen[{200: "ok", 500: "server_error", 400: "moderated"}[status]] += 1
        except httpx.TransportError:
            seen["reset"] += 1
    generate(client, "mixed", size="none")
    truth = client.get("/truth").json()["mixed"]
    assert truth["faults"] == {kind: seen[kind] for kind in truth["faults"]}
    assert min(seen.values()) > 0
    assert (truth["requests"], truth["successes"], truth["images"]) == (41, seen["ok"], seen["ok"])
    assert truth["refusals"] == {"invalid": 1}
    assert len(truth["latencies_ms"]) == seen["ok"]
    assert float(truth["billed_usd"]) == pytest.approx(0.004 * seen["ok"])


def test_the_index_shows_every_contender(client):
    entries = {entry["name"]: entry for entry in client.get("/").json()}
    assert entries["mixed"]["failures"] == {"server_error": 0.3, "moderated": 0.2, "reset": 0.1}
    assert entries["plain"]["price_usd"] == "0.004"
    assert entries["slow"]["latency"] == {"kind": "fixed", "ms": 30_000}


def until(condition):
    """Wait until the condition holds; the test's own time limit ends a wait that is in vain."""
    while not condition():
        time.sleep(0.01)
