"""The cog protocol over real sockets."""

from __future__ import annotations

import base64
import io
import threading
import time

import httpx
import pytest
from PIL import Image


def predict(client, name="cog-plain", prediction_id=None, headers=None, **inputs):
    body = {"input": {"prompt": "a lake", "width": 96, "height": 64} | inputs}
    if prediction_id is None:
        return client.post(f"/{name}/predictions", json=body, headers=headers)
    return client.put(f"/{name}/predictions/{prediction_id}", json=body, headers=headers)


def decoded(body):
    head, _, data = body["output"][0].partition(",")
    return head, base64.b64decode(data)


ASYNC = {"prefer": "respond-async"}


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_a_prediction_succeeds(client, image_format):
    reply = predict(client, output_format=image_format, seed=1)
    body = reply.json()
    assert set(body) == {"id", "logs", "metrics", "output", "status"}
    assert body["status"] == "succeeded"
    assert body["metrics"]["predict_time"] >= 0
    head, data = decoded(body)
    image = Image.open(io.BytesIO(data))
    assert head == f"data:image/{image_format};base64"
    assert (image.size, image.format) == ((96, 64), image_format.upper())
    assert reply.headers["x-sim-cost-usd"] == "0.004"


def test_the_seed_alone_decides_the_picture(client):
    first, again, other = (decoded(predict(client, seed=seed).json())[1] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_an_input_image_is_edited(client):
    buffer = io.BytesIO()
    Image.new("RGB", (80, 80), "teal").save(buffer, "PNG")
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    edited = decoded(predict(client, images=[uri], seed=1).json())[1]
    assert edited != decoded(predict(client, seed=1).json())[1]
    failed = predict(client, images=["https://example.org/a.png"])
    assert (failed.status_code, failed.json()["status"]) == (200, "failed")


def test_wrong_inputs_are_listed(client):
    reply = predict(client, prompt=3, width="a", height=4, output_format="gif", unknown=1)
    assert reply.status_code == 422
    assert reply.json() == {
        "detail": [
            {"loc": ["body", "input", "prompt"], "msg": '3 is not of type "string"', "type": "value_error"},
            {"loc": ["body", "input", "width"], "msg": '"a" is not of type "integer"', "type": "value_error"},
            {
                "loc": ["body", "input", "height"],
                "msg": "4 is less than the minimum of 64",
                "type": "value_error",
            },
            {
                "loc": ["body", "input", "output_format"],
                "msg": '"gif" is not one of ["png","jpeg","webp"]',
                "type": "value_error",
            },
        ]
    }
    missing = client.post("/cog-plain/predictions", json={}).json()["detail"]
    assert missing == [{"loc": ["body", "input", "prompt"], "msg": "Field required", "type": "value_error.missing"}]


def test_malformed_json_is_refused_in_plain_text(client):
    reply = client.post("/cog-plain/predictions", content=b"{bad")
    assert (reply.status_code, reply.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    other = client.put("/cog-plain/predictions/a", json={"id": "b", "input": {"prompt": "x"}})
    assert (other.status_code, other.json()["detail"][0]["loc"]) == (422, ["body", "id"])


def test_an_asynchronous_prediction_is_fetched_by_repeating_it(client):
    started = predict(client, "cog-narrow", "one", ASYNC)
    assert (started.status_code, started.json()) == (202, {"id": "one", "status": "starting"})
    running = predict(client, "cog-narrow", "one", ASYNC)
    assert (running.status_code, running.json()["status"]) == (202, "processing")
    assert client.get("/cog-narrow/health-check").json()["status"] == "BUSY"
    while (reply := predict(client, "cog-narrow", "one", ASYNC)).status_code == 202:
        time.sleep(0.02)
    assert (reply.status_code, reply.json()["status"]) == (200, "succeeded")
    assert client.get("/cog-narrow/health-check").json()["status"] == "READY"


def test_beyond_capacity_a_prediction_is_refused(client):
    predict(client, "cog-narrow", "held", ASYNC)
    refused = predict(client, "cog-narrow", "more")
    while predict(client, "cog-narrow", "held", ASYNC).status_code == 202:
        time.sleep(0.02)
    assert refused.status_code == 409
    assert refused.json() == {"error": "At capacity - all prediction slots busy", "status": "failed"}


def test_a_running_prediction_can_be_canceled(simulator, client):
    replies = []

    def hold():
        with httpx.Client(base_url=simulator, trust_env=False, timeout=20) as other:
            replies.append(predict(other, "cog-slow", "victim"))

    thread = threading.Thread(target=hold)
    thread.start()
    while client.post("/cog-slow/predictions/victim/cancel").status_code == 404:
        time.sleep(0.02)
    thread.join()
    assert (replies[0].status_code, replies[0].json()["status"]) == (200, "canceled")
    assert client.post("/cog-slow/predictions/victim/cancel").status_code == 404
    truth = client.get("/truth").json()["cog-slow"]
    assert (truth["abandoned"], truth["in_flight"]) == (1, 0)


def test_an_asynchronous_prediction_can_be_canceled(client):
    predict(client, "cog-slow", "later", ASYNC)
    assert client.post("/cog-slow/predictions/later/cancel").status_code == 200
    while (reply := predict(client, "cog-slow", "later", ASYNC)).status_code == 202:
        time.sleep(0.02)
    assert reply.json()["status"] == "canceled"


def test_there_is_no_get_for_a_prediction(client):
    reply = client.get("/cog-plain/predictions/x")
    assert (reply.status_code, reply.content) == (405, b"")


@pytest.mark.parametrize(("fault", "status"), [("server-error", 500), ("unavailable", 503), ("rate-limited", 429)])
def test_faults_with_a_status(client, fault, status):
    reply = predict(client, f"cog-{fault}")
    assert (reply.status_code, reply.json()["status"]) == (status, "failed")


def test_moderation_is_a_failed_prediction(client):
    reply = predict(client, "cog-moderated")
    assert reply.status_code == 200
    assert reply.json()["status"] == "failed"
    assert "NSFW content detected" in reply.json()["error"]
    assert "output" not in reply.json()


def test_faults_of_the_connection(client):
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        predict(client, "cog-truncated")
    with pytest.raises(httpx.TransportError):
        predict(client, "cog-reset")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/cog-hang/predictions", json={"input": {"prompt": "x"}}, timeout=0.5)


def test_spoilt_successes(client):
    assert not decoded(predict(client, "cog-garbage").json())[1].startswith(b"\x89PNG")
    small = decoded(predict(client, "cog-wrong-size", width=128, height=96).json())[1]
    assert Image.open(io.BytesIO(small)).size == (64, 48)
    assert predict(client, "cog-html").headers["content-type"] == "text/html; charset=utf-8"
    counts = client.get("/truth").json()
    assert [counts[f"cog-{name}"]["faults"] for name in ("garbage", "html")] == [{"garbage": 1}, {"html": 1}]
