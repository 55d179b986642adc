"""What is peculiar to the self-hosted servers that speak the OpenAI protocol: vLLM-Omni, SGLang, LocalAI, LiteLLM."""

import base64

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from harness.providers import provider
from harness.providers.base import How, ImageAddress, Job, unsupported
from tests.contracts.case import SOURCE, Reply
from tests.contracts.cases.litellm import CASE as LITELLM
from tests.contracts.cases.litellm import HEADERS
from tests.contracts.cases.localai import CASE as LOCALAI
from tests.contracts.cases.sglang import CASE as SGLANG
from tests.contracts.cases.vllm_omni import CASE as VLLM

COMMON = {"model": "m-1", "prompt": "a cat", "size": "512x768", "n": 1, "seed": 7}
STEPPED = {"num_inference_steps": 4, "guidance_scale": 2.5}


def body(case, **changes):
    return provider(case.protocol).build(case.job(**changes)).body.value


def form(case):
    return dict(provider(case.protocol).build(case.job("edit")).body.fields)


def test_generations_as_they_are_sent():
    inline = {"response_format": "b64_json", "output_format": "webp"}
    assert body(VLLM, format="webp") == {**COMMON, **STEPPED, **inline, "return_stage_metrics": True}
    assert body(SGLANG, format="webp") == {**COMMON, **STEPPED, **inline}
    assert body(LOCALAI) == {**COMMON, "step": 4, "response_format": "b64_json"}
    assert body(LITELLM, format="webp") == {**COMMON, **STEPPED, **inline, "disable_fallbacks": True}


def test_edits_as_they_are_sent():
    common = {**COMMON, **STEPPED, "response_format": "b64_json", "output_format": "png"}
    texts = {name: str(value) for name, value in common.items()}
    assert form(VLLM) == {**texts, "return_stage_metrics": "true"}
    assert form(SGLANG) == form(LITELLM) == texts
    parts = {
        c.protocol: [f.part for f in provider(c.protocol).build(c.job("edit")).body.files] for c in (VLLM, LITELLM)
    }
    assert parts == {"vllm-omni": ["image"], "litellm": ["image[]"]}


def test_localai_is_given_references_in_json():
    call = provider("localai").build(LOCALAI.job("edit", images=(SOURCE, SOURCE), delivery="url"))
    assert call.url == "https://lab.example/v1/images/generations"
    plain = base64.b64encode(SOURCE.data).decode()
    assert call.body.value["ref_images"] == [plain, plain]
    assert call.body.value["response_format"] == "url"


def test_localai_would_split_a_prompt_with_a_bar():
    assert provider("localai").objection(LOCALAI.job()) is None
    objection = provider("localai").objection(LOCALAI.job(prompt="a cat | blurry"))
    assert objection == "takes what follows a | in a prompt for the negative prompt"


def test_what_cannot_be_told_is_reported():
    asked = {"delivery": "url", "safety": True}
    missing = {c.protocol: unsupported(provider(c.protocol), c.job(**asked)) for c in (VLLM, SGLANG, LOCALAI, LITELLM)}
    assert missing == {
        "vllm-omni": ("delivery", "safety"),
        "sglang": ("delivery", "safety"),
        "localai": ("guidance", "format", "safety"),
        "litellm": ("safety",),
    }
    table = provider("vllm-omni").parameters(VLLM.job().endpoint)
    assert (table["delivery"].how, table["steps"].how) == (How.UNSUPPORTED, How.RENAMED)
    assert "inside the answer" in table["delivery"].note


def test_an_sglang_server_that_keeps_its_images_can_be_asked_for_addresses():
    job = SGLANG.job(delivery="url")
    keeping = job.endpoint.model_copy(update={"options": {"fields": {"delivery": "response_format"}}})
    asked = Job(keeping, job.request, None)
    assert provider("sglang").build(asked).body.value["response_format"] == "url"
    assert unsupported(provider("sglang"), asked) == ()


def test_an_sglang_address_is_a_path_on_the_server():
    data = [{"b64_json": None, "url": "/v1/images/img-1/content"}]
    done = SGLANG.parse(Reply({"id": "img-1", "data": data}))
    assert done.images == (ImageAddress("https://lab.example/v1/images/img-1/content"),)
    assert done.request_id == "img-1"


def test_the_servers_own_timings():
    stages = {"text_encoder.forward": 30.0, "diffuse": 400.0, "vae.decode": 50.0}
    assert VLLM.parse(VLLM.inline).server_ms == {**stages, "predict": 480.0}
    assert SGLANG.parse(SGLANG.inline).server_ms == {"predict": 420.0}
    assert LOCALAI.parse(LOCALAI.inline).server_ms == {}
    assert LITELLM.parse(LITELLM.inline).server_ms == {"total": 812.4, "overhead": 3.9}


def test_litellm_tells_of_single_steps_where_it_is_asked_to():
    detailed = {"pre-processing": "1.5", "llm-api": "800", "post-processing": "None"}
    headers = {**HEADERS, **{f"x-litellm-timing-{name}-ms": value for name, value in detailed.items()}}
    told = LITELLM.parse(Reply(LITELLM.inline.body, headers=headers)).server_ms
    assert told == {"pre-processing": 1.5, "llm-api": 800, "total": 812.4, "overhead": 3.9}
    many = {f"x-litellm-timing-{number}-ms": "1" for number in range(100)} | {"x-litellm-timing-total-ms": "5"}
    flooded = LITELLM.parse(Reply(LITELLM.inline.body, headers={**many, **HEADERS})).server_ms
    assert (flooded["total"], flooded["overhead"], len(flooded)) == (812.4, 3.9, 50)


def test_timings_that_are_none_are_left_out():
    data = VLLM.inline.body["data"]
    for metrics in (None, [], {}, {"stage_durations": {"a.b": "long", "a.c": -1, "a.d": None}}):
        assert VLLM.parse(Reply({"data": data, "metrics": metrics})).server_ms == {}
    assert SGLANG.parse(Reply({"data": data, "inference_time_s": "soon"})).server_ms == {}
    for said in ("None", "", "nan", "-5", "1e400"):
        reply = Reply({"data": data}, headers={"x-litellm-response-duration-ms": said})
        assert LITELLM.parse(reply).server_ms == {}, said


def test_litellm_tells_its_cost_in_a_header():
    done = LITELLM.parse(LITELLM.inline)
    assert (float(done.cost_usd), done.request_id, done.remarks) == (0.00004, "call-1", ())
    unpriced = Reply(LITELLM.inline.body, headers={**HEADERS, "x-litellm-response-cost": "None"})
    assert LITELLM.parse(unpriced).cost_usd is None


def test_litellm_is_asked_not_to_retry_and_what_it_did_is_remarked():
    for mode in ("t2i", "edit"):
        assert ("x-litellm-num-retries", "0") in provider("litellm").build(LITELLM.job(mode)).headers
    tried = {**HEADERS, "x-litellm-attempted-retries": "2", "x-litellm-attempted-fallbacks": "1"}
    assert LITELLM.parse(Reply(LITELLM.inline.body, headers=tried)).remarks == (
        "the proxy tried again 2×",
        "the proxy fell back 1×, answered by http://10.0.0.7:8000/v1",
    )


def test_a_server_that_runs_another_model_has_not_the_one_that_was_asked_for():
    mismatch = "Model mismatch: request specifies 'a' but server is running 'b'."
    assert VLLM.parse(Reply({"detail": mismatch}, 400)).failure.kind is FailureKind.NOT_FOUND
    assert VLLM.parse(Reply({"detail": "no such size"}, 400)).failure.kind is FailureKind.INVALID_REQUEST


def test_the_shipped_endpoints_are_on_this_machine_and_have_no_price():
    catalog = Catalog(environ={})
    own = [e for e in catalog.endpoints().values() if e.provider in {"vllm-omni", "sglang", "localai", "litellm"}]
    assert len(own) == 8
    assert all(e.base_url.startswith("http://127.0.0.1:") and not e.simulated for e in own)
    assert not {c.endpoint for c in catalog.prices()} & {e.id for e in own}
    assert {e.key_env for e in own} == {None, "LITELLM_PROXY_API_KEY"}
