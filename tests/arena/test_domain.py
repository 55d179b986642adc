import pytest
from pydantic import ValidationError

from arena.domain.endpoint import Limits
from arena.domain.failure import Blame, FailureKind, clean_message
from arena.domain.outcome import Outcome
from arena.domain.request import GenerationRequest, Mode, SourceImage
from arena.domain.timings import Timings
from tests.factories import make_endpoint, make_plan, make_prompt, succeeded

IMAGE = SourceImage(name="a.png", media_type="image/png", data=b"x")


def request(**changes):
    return GenerationRequest.model_validate({"prompt": "x", "size": "1024x768", **changes})


def test_a_size_reads_and_writes_itself_as_width_by_height():
    asked = request()
    assert (asked.size.width_px, asked.size.height_px) == (1024, 768)
    assert str(asked.size) == "1024x768"
    assert GenerationRequest.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize("size", ["1024", "0x64", "-1x64", "64x", "64 by 64", "99999x64"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValidationError):
        request(size=size)


def test_an_edit_has_images_and_nothing_else_has():
    assert request(mode=Mode.EDIT, images=(IMAGE,)).images == (IMAGE,)
    with pytest.raises(ValidationError, match="an edit needs at least one input image"):
        request(mode=Mode.EDIT)
    with pytest.raises(ValidationError, match="only an edit may have one"):
        request(images=(IMAGE,))


def test_values_are_frozen_and_closed_to_unknown_fields():
    plan = make_plan()
    with pytest.raises(ValidationError):
        plan.name = "other"
    with pytest.raises(ValidationError, match="Extra inputs"):
        make_plan(repititions=3)


@pytest.mark.parametrize(
    ("limits", "asked", "objection"),
    [
        ({"sizes": ["512x512"]}, {}, "makes only the sizes 512x512, not 1024x768"),
        ({"max_side_px": 1000}, {}, "makes sides from 64 to 1000 px, not 1024x768"),
        ({"side_multiple_px": 512}, {}, "makes sides that are multiples of 512 px, not 1024x768"),
        ({"max_side_ratio": 1.3}, {}, "makes no side more than 1.3 times as long as the other, not 1024x768"),
        ({"max_pixels": 500_000}, {}, "makes at most 500000 pixels, not 1024x768 (786432)"),
        ({"formats": ["png"]}, {"format": "webp"}, "makes png, not webp"),
        ({"max_n": 2}, {"n": 3}, "makes at most 2 image(s) a call, not 3"),
        ({"min_steps": 4, "max_steps": 8}, {"steps": 20}, "takes 4 to 8 steps, not 20"),
        ({"max_input_images": 1}, {"mode": "edit", "images": (IMAGE, IMAGE)}, "takes at most 1 input image(s), not 2"),
        ({}, {}, None),
    ],
)
def test_limits_say_what_they_object_to(limits, asked, objection):
    assert Limits.model_validate(limits).objection(request(**asked)) == objection


def test_a_key_goes_over_tls_or_stays_on_this_machine():
    make_endpoint(key_env="LAB_KEY", base_url="https://lab.example/v1")
    make_endpoint(key_env="LAB_KEY", base_url="http://localhost:8000/v1")
    make_endpoint(base_url="http://lab.example/v1")
    with pytest.raises(ValidationError, match="a key is sent over https only"):
        make_endpoint(key_env="LAB_KEY", base_url="http://lab.example/v1")


@pytest.mark.parametrize("url", ["ftp://lab.example", "lab.example/v1", "https://", "https://user:pw@lab.example"])
def test_a_base_url_is_a_plain_http_address(url):
    with pytest.raises(ValidationError):
        make_endpoint(base_url=url)


def test_marks_never_run_backwards():
    with pytest.raises(ValidationError, match=r"result .* lies before accepted"):
        Timings(accepted_ns=10, result_ns=9, ended_ns=20)


def test_a_connection_is_warm_when_nothing_was_connected():
    assert Timings(ended_ns=1).warm
    assert not Timings(connected_ns=1, ended_ns=2).warm


def test_an_outcome_without_failure_has_an_image():
    with pytest.raises(ValidationError, match="has at least one image"):
        Outcome(**{**succeeded().model_dump(), "images": ()})


def test_every_failure_kind_has_one_blame():
    by_blame = {blame: {k for k in FailureKind if k.blame is blame} for blame in Blame}
    assert FailureKind.PROVIDER_ERROR in by_blame[Blame.PROVIDER]
    assert by_blame[Blame.MODERATION] == {FailureKind.MODERATED_INPUT, FailureKind.MODERATED_OUTPUT}
    assert {FailureKind.AUTH, FailureKind.PAYMENT, FailureKind.DNS, FailureKind.HARNESS} <= by_blame[Blame.OURS]


def test_foreign_text_loses_control_characters_and_length():
    cleaned = clean_message("\x1b[31mred\x00\r\nnext\tline " + "x" * 5000)
    assert cleaned.startswith("[31mred next line x")
    assert len(cleaned) == 500
    assert cleaned.isprintable()


def test_a_changed_prompt_has_another_hash():
    assert make_prompt().sha256 == make_prompt(tags=["other"]).sha256
    assert make_prompt().sha256 != make_prompt(text="something else").sha256
