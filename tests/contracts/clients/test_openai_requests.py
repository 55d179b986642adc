"""What OpenAI's own client sends and what our adapters send for the same job, field by field, off the wire."""

from email.parser import BytesParser
from email.policy import HTTP

import openai
import pytest
from pydantic import SecretStr

from arena.domain.request import GenerationRequest, SourceImage
from harness.clock import SystemClock
from harness.engine import Engine
from harness.providers import provider
from harness.providers.base import Job
from harness.transport import Transport
from tests.factories import make_endpoint
from tests.servers import answering, openai_reply, png, response, scripted

pytestmark = pytest.mark.slow

IMAGE = png(32, 32)
EXTRA = {"seed": 7, "num_inference_steps": 4, "guidance_scale": 2.5}
ASKED = {"model": "m-1", "prompt": "a “red” square", "size": "64x64", "n": 1,
         "response_format": "b64_json", "output_format": "png"}  # fmt: skip
FIELDS = {"seed": "seed", "steps": "num_inference_steps", "guidance": "guidance_scale"}
CASES = {
    "openai": ("openai", {"fields": FIELDS}, EXTRA),
    "vllm-omni": ("vllm-omni", {}, {**EXTRA, "return_stage_metrics": True}),
    "sglang": ("sglang", {}, EXTRA),
}
MEANT_HEADERS = {"host", "content-length", "content-type", "user-agent", "accept", "accept-encoding", "connection"}
"""They differ by the library. The official client tells its versions and retries in `x-stainless-*`; ours does not."""
every_case = pytest.mark.parametrize(("protocol", "options", "extra"), CASES.values(), ids=CASES)


def captured(ask):
    """The one request that `ask` makes of a server at the given address."""
    with scripted(answering(response(openai_reply(IMAGE)))) as server:
        ask(f"{server.url}/v1")
    (request,) = server.requests
    return request


def official(images, extra):
    def ask(base_url):
        with openai.OpenAI(base_url=base_url, api_key="sk-1", max_retries=0) as client:
            if images is None:
                client.images.generate(**ASKED, extra_body=extra)
            else:
                client.images.edit(**ASKED, image=images, extra_body=extra)

    return captured(ask)


async def ours(protocol, options, images=0):
    sources = [SourceImage(name="in.png", media_type="image/png", data=IMAGE)] * images
    request = GenerationRequest.model_validate(
        {"prompt": ASKED["prompt"], "size": "64x64", "mode": "edit" if images else "t2i", "images": sources,
         "seed": 7, "steps": 4, "guidance": 2.5}
    )  # fmt: skip
    with scripted(answering(response(openai_reply(IMAGE)))) as server:
        endpoint = make_endpoint(protocol=protocol, base_url=f"{server.url}/v1", key_env="K", options=options)
        clock = SystemClock()
        connection = Transport(clock).connection()
        try:
            job = Job(endpoint, request, SecretStr("sk-1"))
            await Engine(clock).attempt(provider(protocol), job, connection, timeout_s=5)
        finally:
            await connection.close()
    (request,) = server.requests
    return request


def parts(request):
    """A multipart body: name, file name, media type and content of each part; texts by name."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    boundary = request.body[2 : request.body.index(b"\r\n")]  # header values were made lower case, boundaries are not
    marked = head.replace(boundary.lower(), boundary)
    found = BytesParser(policy=HTTP).parsebytes(marked + request.body).iter_parts()
    told = [(p.get_param("name", header="content-disposition"), p.get_filename(), p.get_payload(decode=True), p)
            for p in found]  # fmt: skip
    texts = {name: data.decode() for name, file, data, _ in told if file is None}
    files = [(name, file, p.get_content_type(), data) for name, file, data, p in told if file is not None]
    return texts, files


def beside(request):
    """The headers that could mean something to a host."""
    return {n: v for n, v in request.headers.items() if n not in MEANT_HEADERS and not n.startswith("x-stainless-")}


@every_case
async def test_a_generation_is_the_same_request(protocol, options, extra):
    theirs, mine = official(None, extra), await ours(protocol, options)
    assert (mine.method, mine.path) == (theirs.method, theirs.path) == ("POST", "/v1/images/generations")
    assert mine.json == theirs.json
    assert {name: type(value) for name, value in mine.json.items()} == {
        name: type(value) for name, value in theirs.json.items()
    }
    assert mine.headers["content-type"] == theirs.headers["content-type"] == "application/json"
    assert beside(mine) == beside(theirs) == {"authorization": "bearer sk-1"}


@every_case
@pytest.mark.parametrize("count", [1, 2])
async def test_an_edit_is_the_same_request(protocol, options, extra, count):
    file = ("in.png", IMAGE, "image/png")
    theirs, mine = official(file if count == 1 else [file] * count, extra), await ours(protocol, options, count)
    assert (mine.method, mine.path) == (theirs.method, theirs.path) == ("POST", "/v1/images/edits")
    their_texts, their_files = parts(theirs)
    my_texts, my_files = parts(mine)
    assert my_texts == their_texts
    assert my_files == their_files
    assert {name for name, *_ in my_files} == {"image" if count == 1 else "image[]"}
    assert len(my_files) == count
    assert beside(mine) == beside(theirs)


async def test_a_single_image_for_litellm_is_sent_as_the_client_sends_a_list():
    extra = {"seed": 7, "num_inference_steps": 4, "guidance_scale": 2.5}
    theirs, mine = official([("in.png", IMAGE, "image/png")], extra), await ours("litellm", {}, 1)
    assert parts(mine) == parts(theirs)
    # Meant: the proxy's own retries are switched off; the official client has no such header.
    assert beside(mine) == {**beside(theirs), "x-litellm-num-retries": "0"}


async def test_what_is_meant_to_differ_in_a_generation_for_litellm_is_that_it_must_not_fall_back():
    mine = await ours("litellm", {})
    assert mine.json == {**official(None, EXTRA).json, "disable_fallbacks": True}


async def test_an_edit_at_localai_is_what_the_client_sends_with_the_images_in_its_extra_body():
    mine = await ours("localai", {}, 1)
    extra = {"seed": 7, "step": 4, "ref_images": mine.json["ref_images"]}
    theirs = official(None, extra)
    # Meant: the format cannot be told there, and is not sent.
    assert mine.json == {name: value for name, value in theirs.json.items() if name != "output_format"}
    assert mine.path == theirs.path
