"""What is peculiar to Cloudflare Workers AI: a form even without images, one code for many refusals, small inputs."""

import io
import json

import pytest
from PIL import Image
from pydantic import SecretStr

from arena.catalog import Catalog
from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose
from arena.domain.request import GenerationRequest, SourceImage
from harness.providers import provider
from harness.providers.base import Exchange, How, InlineImage, Job, unsupported
from tests.contracts.case import KEY, PNG, SOURCE, Reply
from tests.contracts.cases.cloudflare import CASE, MODEL, envelope, refused
from tests.servers import png

ADAPTER = provider("cloudflare")
RUN_URL = f"{CASE.base_url}/run/{MODEL}"


def source(width_px, height_px, image_format="PNG", name="in.png"):
    return SourceImage(name=name, media_type="image/x", data=png(width_px, height_px, image_format=image_format))


def with_options(job, **options):
    return Job(job.endpoint.model_copy(update={"options": options}), job.request, job.key)


def test_text_to_image_is_a_form_without_files():
    call = ADAPTER.build(CASE.job())
    assert (call.purpose, call.method, call.url) == (CallPurpose.SUBMIT, "POST", RUN_URL)
    assert (call.auth.name, call.auth.value.get_secret_value()) == ("Authorization", f"Bearer {KEY}")
    assert call.body.fields == (("prompt", "a cat"), ("width", "512"), ("height", "768"), ("seed", "7"))
    assert call.body.files == ()


def test_an_edit_numbers_its_images_from_zero():
    call = ADAPTER.build(CASE.job("edit", seed=None, images=(SOURCE, SOURCE)))
    assert call.url == RUN_URL
    assert call.body.fields == (("prompt", "a cat"), ("width", "512"), ("height", "768"))
    assert [(f.part, f.file_name, f.media_type, f.data) for f in call.body.files] == [
        ("input_image_0", "in.png", "image/png", SOURCE.data),
        ("input_image_1", "in.png", "image/png", SOURCE.data),
    ]


def test_names_and_constants_are_data():
    options = {"fields": {"images": "image_", "seed": "", "steps": "steps", "safety": "safe"}, "extra": {"x": True}}
    asked = with_options(CASE.job("edit", safety=False), **options)
    body = ADAPTER.build(asked).body
    assert dict(body.fields) == {
        "prompt": "a cat",
        "x": "true",
        "width": "512",
        "height": "768",
        "steps": "4",
        "safe": "false",
    }
    assert body.files[0].part == "image_0"
    assert unsupported(ADAPTER, asked) == ("seed", "guidance", "format")


def test_the_table_says_what_is_done():
    table = ADAPTER.parameters(CASE.job().endpoint)
    assert {name for name, support in table.items() if support.how is How.UNSUPPORTED} == {
        *("steps", "guidance", "n", "format", "delivery", "safety"),
    }
    assert (table["seed"].how, table["size"].wire_name) == (How.PASSTHROUGH, "width, height")
    assert "511 px" in table["images"].note


@pytest.mark.parametrize(
    ("given", "sent"),
    [((1024, 768), (511, 383)), ((600, 1200), (256, 511)), ((512, 512), (511, 511)), ((511, 100), None)],
)
def test_a_large_input_image_is_scaled_down_and_the_outcome_says_so(given, sent):
    edit = CASE.job("edit", images=(source(*given, "JPEG", "photo.large.jpg"), SOURCE))
    first, second = (ADAPTER.build(edit) for _ in range(2))
    assert [f.data for f in first.body.files] == [f.data for f in second.body.files]
    large, small = first.body.files
    assert small.data == SOURCE.data
    done = CASE.parse(CASE.inline, job=edit)
    if sent is None:
        assert (large.data, done.remarks) == (edit.request.images[0].data, ())
        return
    image = Image.open(io.BytesIO(large.data))
    assert (image.size, image.format, large.file_name, large.media_type) == (
        *(sent, "PNG", "photo.large.png", "image/png"),
    )
    assert done.remarks == ("input images were scaled down to at most 511 px a side",)


def test_how_large_an_input_may_be_is_data():
    edit = with_options(CASE.job("edit", images=(source(1024, 768),)), max_input_side_px=1024)
    assert ADAPTER.build(edit).body.files[0].data == edit.request.images[0].data
    assert CASE.parse(CASE.inline, job=edit).remarks == ()


def test_an_input_is_turned_as_its_camera_says_and_what_is_no_image_is_left_alone():
    picture = Image.new("CMYK", (1000, 500))
    exif = Image.Exif()
    exif[0x0112] = 6  # on its side
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    images = (
        SourceImage(name="a.jpg", media_type="image/jpeg", data=buffer.getvalue()),
        SourceImage(name="b.png", media_type="image/png", data=b"no image"),
        SourceImage(name="c.png", media_type="image/png", data=png(900, 900)[:120]),
    )
    files = ADAPTER.build(CASE.job("edit", images=images)).body.files
    turned = Image.open(io.BytesIO(files[0].data))
    assert (turned.size, turned.mode) == ((256, 511), "RGB")
    assert [f.data for f in files[1:]] == [image.data for image in images[1:]]


def test_the_image_is_in_the_envelope():
    done = CASE.parse(Reply(envelope({"image": PNG}), headers={"cf-ray": "8f0c-SIM"}))
    assert (done.images, done.request_id, done.server_ms, done.cost_usd) == ((InlineImage(PNG),), "8f0c-SIM", {}, None)


def test_an_envelope_that_denies_success_is_a_failure_whatever_its_status():
    told = CASE.parse(refused(200, 3030, "AiError: Input prompt contains NSFW content"))
    assert (told.failure.kind, told.failure.http_status) == (FailureKind.MODERATED_INPUT, 200)
    assert told.failure.message == "AiError: Input prompt contains NSFW content"
    bare = CASE.parse(Reply({"success": False, "errors": [], "messages": [], "result": {"image": PNG}}))
    assert bare.failure.kind is FailureKind.BAD_RESPONSE


def test_an_image_without_the_envelope_is_read_too():
    assert CASE.parse(Reply({"image": PNG})).images == (InlineImage(PNG),)


def test_the_kinds_of_429_are_told_apart_and_keep_the_wait():
    kinds = {}
    for code in (971, 3036, 3040, None):
        reply = Reply(envelope(None, {"code": code, "message": "no"}), 429, {"retry-after": "9"})
        failure = CASE.parse(reply).failure
        assert failure.retry_after_s == 9
        kinds[code] = failure.kind
    assert kinds == {
        971: FailureKind.RATE_LIMITED,
        3036: FailureKind.PAYMENT,
        3040: FailureKind.CAPACITY,
        None: FailureKind.RATE_LIMITED,
    }


def shipped(environ):
    found = Catalog(environ=environ).endpoints()
    return {i: e for i, e in found.items() if e.protocol == "cloudflare" and not e.simulated}


def test_without_an_account_nothing_is_asked_and_nobody_else_is_disturbed():
    unset, given = shipped({}), shipped({"CLOUDFLARE_ACCOUNT_ID": "a" * 32})
    assert set(unset) == set(given) == {"cloudflare/flux.2-klein-4b", "cloudflare/flux.2-klein-9b"}
    request = GenerationRequest(prompt="a cat", size="1024x1024")
    for endpoint in unset.values():
        assert "CLOUDFLARE_ACCOUNT_ID" in endpoint.note or endpoint.note == "as 4B"
        assert ADAPTER.objection(Job(endpoint, request)) == (
            "needs the environment variable CLOUDFLARE_ACCOUNT_ID, which is not set"
        )
    for endpoint in given.values():
        assert ADAPTER.objection(Job(endpoint, request)) is None
        account = f"https://api.cloudflare.com/client/v4/accounts/{'a' * 32}"
        assert ADAPTER.build(Job(endpoint, request)).url == f"{account}/ai/run/{endpoint.model}"


def test_the_price_of_4b_is_told_by_the_tile():
    book = Catalog(environ={}).prices()
    [card] = [c for c in book if c.endpoint == "cloudflare/flux.2-klein-4b"]
    text = GenerationRequest(prompt="a cat", size="1024x1024")
    assert card.cost_usd(text) == 4 * (tile := card.per_mp_usd / 4)
    assert str(tile) == "0.000287"
    edit = text.model_copy(update={"mode": "edit", "images": (source(512, 300),)})
    assert card.cost_usd(edit) == 4 * tile + card.per_input_mp_usd / 4


def test_an_input_image_is_charged_at_the_size_that_it_is_sent_in():
    book = Catalog(environ={}).prices()
    large = {"mode": "edit", "images": (source(2048, 2048), source(64, 64))}
    request = GenerationRequest.model_validate({"prompt": "a cat", "size": "1024x1024", **large})
    cards = {c.endpoint: c for c in book if c.endpoint.startswith("cloudflare/")}
    assert {name: float(card.cost_usd(request)) for name, card in cards.items()} == {
        "cloudflare/flux.2-klein-4b": pytest.approx(4 * 0.000287 + 2 * 0.000059),
        "cloudflare/flux.2-klein-9b": pytest.approx(0.015 + 2 * 0.002),
    }
    assert all("/input MP (at most 0.25 an image)" in card.in_words for card in cards.values())


def test_a_probe_searches_for_the_model():
    lab = CASE.job().endpoint
    call = ADAPTER.probe(lab, SecretStr(KEY))
    assert (call.method, call.url) == ("GET", f"{CASE.base_url}/models/search?search=flux-2-klein-4b")

    def probed(body, status=200, endpoint=lab):
        told = ADAPTER.read_probe(endpoint, Exchange(call, status, {}, json.dumps(body).encode()))
        return told.may_use, told.says

    assert probed(envelope([{"name": "x"}, {"name": MODEL}])) == (True, "the model is listed")
    assert probed(envelope([{"name": "x"}]))[0] is False
    assert probed(envelope(None, {"code": 10000, "message": "no"}), 401) == (False, "HTTP 401")
    assert probed(envelope(None, {"code": 9106, "message": "no"}), 400)[0] is False
    assert probed(envelope(None, {"code": 7003, "message": "no"}), 404)[0] is False
    assert [probed({}, status)[0] for status in (200, 429, 500)] == [None, None, None]
    unset = shipped({})["cloudflare/flux.2-klein-4b"]
    assert probed(envelope([{"name": MODEL}]), endpoint=unset) == (False, "CLOUDFLARE_ACCOUNT_ID is not set")
