"""Cloudflare's simulator asked as its documentation asks, by forms that another library writes, and beside the adapter.

No client for Python is used: the calls are those of the curl examples at
https://developers.cloudflare.com/changelog/2026-01-28-flux-2-klein-9b-workers-ai/, written by httpx. The schema is what
matters here of the model's page, in the envelope of https://developers.cloudflare.com/api/.
"""

import base64
import email
import email.policy
import io

import jsonschema
import pytest
from PIL import Image

from harness.providers import provider
from tests.contracts.case import KEY, SOURCE, Reply
from tests.contracts.cases.cloudflare import CASE, MODEL, envelope
from tests.contracts.clients.at_root import attempted, sent_by_the_adapter, served
from tests.servers import png

pytestmark = pytest.mark.slow

SIMULATED = {"protocol": "cloudflare", "model": MODEL, "output_format": "png"}
ACCOUNT = "/client/v4/accounts/0123456789abcdef0123456789abcdef/ai"
RUN = f"{ACCOUNT}/run/{MODEL}"
TEXT = {"type": "string"}
ANSWER = {
    "type": "object",
    "required": ["result", "success", "errors", "messages"],
    "properties": {
        "result": True,
        "success": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "integer"}, "message": TEXT},
            },
        },
        "messages": {"type": "array"},
    },
    "if": {"properties": {"success": {"const": True}}},
    "then": {"properties": {"errors": {"maxItems": 0}}},
    "else": {"properties": {"errors": {"minItems": 1}, "result": {"type": ["object", "null"]}}},
    "additionalProperties": False,
}
IMAGE = {
    "type": "object",
    "required": ["image"],
    "properties": {"image": {**TEXT, "pattern": "^[A-Za-z0-9+/]+=*$"}},
    "additionalProperties": False,
}


def auth(key="good"):
    return {"Authorization": f"Bearer {key}"}


def form(**fields):
    """A form as curl's `--form` writes one: every field is a part."""
    return {name: value if isinstance(value, tuple) else (None, str(value)) for name, value in fields.items()}


def png_part(*size):
    return ("in.png", png(*size), "image/png")


def asked(sim, files, key="good", path=RUN):
    """Status and JSON of a documented call, which are as documented."""
    status, headers, told = sim.call(path, headers=auth(key), files=files)
    jsonschema.validate(told, ANSWER)
    assert (headers["content-type"], "cf-ray" in headers) == ("application/json", True)
    return status, told


def decoded(told):
    jsonschema.validate(told["result"], IMAGE)
    return Image.open(io.BytesIO(base64.b64decode(told["result"]["image"])))


# The documented calls against the simulator, and its replies against the schema


def test_a_prompt_in_a_form_brings_an_image():
    with served(**SIMULATED) as sim:
        status, told = asked(sim, form(prompt="a sunset", width=512, height=256, steps=25, seed=3))
        assert (status, decoded(told).size) == (200, (512, 256))
        assert decoded(asked(sim, form(prompt="a sunset"))[1]).size == (1024, 1024)
        again = asked(sim, form(prompt="a sunset", width=512, height=256, seed=3))[1]
        assert again["result"] == told["result"], "the same seed makes the same image"
        assert (sim.tally.successes, sim.accounted()) == (3, True)


def test_images_in_a_form_are_edited():
    with served(**SIMULATED) as sim:
        files = form(prompt="as image 1", width=256, height=256, input_image_0=png_part(500, 400),
                     input_image_1=png_part(64, 64))  # fmt: skip
        assert decoded(asked(sim, files)[1]).size == (256, 256)
        status, told = asked(sim, form(prompt="x", input_image_0=png_part(512, 64)))
        assert (status, told["errors"][0]["code"]) == (400, 3030)
        assert "smaller than 512x512" in told["errors"][0]["message"]


def test_the_errors_are_as_documented():
    with served(**SIMULATED) as sim:
        prompt, unset = form(prompt="x"), RUN.replace(ACCOUNT.split("/")[4], "account-id-not-set")
        told = {
            "bad key": asked(sim, prompt, "invalid"),
            "no account": asked(sim, prompt, path=unset),
            "no model": asked(sim, prompt, path=f"{ACCOUNT}/run/@cf/no/body"),
            "no route": asked(sim, prompt, path="/client/v4/nowhere"),
            "too wide": asked(sim, form(prompt="x", width=1936)),
            "no number": asked(sim, form(prompt="x", width="wide")),
            "no prompt": asked(sim, form(width=512)),
            "no image": asked(sim, form(prompt="x", input_image_0=("in.png", b"no image", "image/png"))),
        }
        status, _, json_told = sim.call(RUN, {"prompt": "x"}, auth())
        jsonschema.validate(json_told, ANSWER)
        codes = {name: (status, answer["errors"][0]["code"]) for name, (status, answer) in told.items()}
        assert codes == {
            "bad key": (401, 10000),
            "no account": (404, 7003),
            "no model": (400, 5007),
            "no route": (404, 7000),
            "too wide": (400, 5006),
            "no number": (400, 5006),
            "no prompt": (400, 5006),
            "no image": (400, 3030),
        }
        assert (status, json_told["errors"][0]["code"]) == (400, 5006), "FLUX.2 takes no JSON"
        encoded = sim.call(RUN, headers=auth(), data={"prompt": "x"})
        assert encoded[0] == 400, "nor the form of a web page"
        assert dict(sim.tally.refusals) == {"unauthorized": 1, "invalid": 8}
        assert sim.accounted()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("server_error", 500, 3043),
        ("unavailable", 429, 3040),
        ("rate_limited", 429, 971),
        ("payment", 429, 3036),
        ("moderated", 400, 3030),
        ("moderated_output", 400, 3030),
        ("job_failed", 500, 3043),
        ("start_timeout", 408, 3007),
    ],
)
def test_a_call_that_a_fault_spoils(fault, status, code):
    with served(**SIMULATED, failures={fault: 1}) as sim:
        told_status, told = asked(sim, form(prompt="x"))
        assert (told_status, told["errors"][0]["code"]) == (status, code)
        assert sim.accounted()


def test_a_full_house_says_that_there_is_no_room():
    with served(**SIMULATED) as sim:
        sim.state.in_flight = sim.state.contender.max_in_flight
        status, told = asked(sim, form(prompt="x"))
        sim.state.in_flight = 0
        assert (status, told["errors"][0]["code"]) == (429, 3040)
        assert sim.accounted()


# The documented form beside the adapter's


def parts_of(request):
    """The parts of a form by name: file name, media type and bytes."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    whole = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    assert whole.get_content_type() == "multipart/form-data"
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_filename(),
            part.get_content_type() if "content-type" in part else None,
            part.get_payload(decode=True),
        )
        for part in whole.get_payload()
    }


@pytest.mark.parametrize("mode", ["t2i", "edit"])
async def test_the_adapter_sends_the_documented_form(mode):
    ours = await sent_by_the_adapter(CASE.job(mode), Reply(envelope({"image": "AA=="})).content, ACCOUNT)
    assert (ours.method, ours.path) == ("POST", RUN)
    assert ours.headers["authorization"] == f"bearer {KEY}"
    sent = {
        "prompt": (None, None, b"a cat"),
        "width": (None, None, b"512"),
        "height": (None, None, b"768"),
        "seed": (None, None, b"7"),  # meant to differ: the examples have none
    }
    if mode == "edit":
        sent["input_image_0"] = ("in.png", "image/png", SOURCE.data)
    assert parts_of(ours) == sent


# The adapter against the simulator


async def test_the_adapter_gets_what_it_asked_for_with_large_inputs_too(tmp_path):
    large = SOURCE.model_copy(update={"data": png(1024, 768)})
    with served(**SIMULATED) as sim:
        for mode, changes, remarks in (
            ("t2i", {}, ()),
            ("edit", {}, ()),
            ("edit", {"images": (large, SOURCE)}, ("input images were scaled down to at most 511 px a side",)),
        ):
            came = await attempted(CASE.job(mode, **changes), f"{sim.url}{ACCOUNT}", tmp_path)
            assert came.failure is None, came.failure
            assert ((came.images[0].width_px, came.images[0].height_px), came.remarks) == ((512, 768), remarks)
            assert came.request_id.endswith("-SIM")
        assert (sim.tally.successes, sim.accounted()) == (3, True)


def test_the_probe_is_answered():
    adapter = provider("cloudflare")
    with served(**SIMULATED) as sim:
        endpoint = CASE.job().endpoint.model_copy(update={"base_url": f"{sim.url}{ACCOUNT}"})
        call = adapter.probe(endpoint, None)
        status, _, told = sim.call(call.url.removeprefix(sim.url), headers=auth())
        jsonschema.validate(told, ANSWER)
        assert (status, [entry["name"] for entry in told["result"]]) == (200, [MODEL])
        assert sim.call(f"{ACCOUNT}/models/search?search=nothing", headers=auth())[2]["result"] == []
        assert sim.call(f"{ACCOUNT}/models/search", headers=auth("invalid"))[0] == 401
