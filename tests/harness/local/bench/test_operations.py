"""Counted on shapes, and held against what a pipeline that runs is seen to compute."""

from pathlib import Path

import pytest
from PIL import Image

from arena.errors import UnknownNameError
from harness.local.bench.operations import of_pipeline, of_shape
from harness.local.shapes import KLEIN_4B, SHAPES, shape_of

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parents[4] / "docs" / "local-bench.md"

# The transformers' names say theirs; of the encoders, half of `total_size` in the models' safetensors indices.
PUBLISHED = {
    "flux.2-klein-4b": (4e9, 4_022_468_096),
    "flux.2-klein-9b": (9e9, 8_190_735_360),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_have_as_many_parameters_as_was_published(name):
    torch = pytest.importorskip("torch")
    from harness.local.random_weights import networks

    with torch.device("meta"):
        transformer, text_encoder, autoencoder = (
            sum(p.numel() for p in network.parameters()) for network in networks(SHAPES[name])
        )
    named, encoder = PUBLISHED[name]
    assert transformer == pytest.approx(named, rel=0.04)
    assert text_encoder == encoder
    assert autoencoder * 4 == pytest.approx(336e6, rel=0.01)  # the file of the autoencoder in float32, in bytes


def test_a_model_is_known_by_its_id_and_by_its_name_alone():
    assert shape_of("black-forest-labs/FLUX.2-klein-4B") is shape_of("flux.2-klein-4b") is KLEIN_4B
    with pytest.raises(UnknownNameError, match=r"flux\.2-klein-5b.*did you mean"):
        shape_of("someone/FLUX.2-klein-5B")


def test_the_transformer_of_a_full_size_model_is_counted_as_by_hand():
    """Two operations a weight and token where every token meets every matrix, and attention beside it."""
    tokens, text, width, single, double = 64 * 64, 512, 24 * 128, 20, 5
    both = tokens + text
    # a single block: to q, k, v and both halves of an MLP three times as wide, and back from values and MLP
    single_block = 2 * both * (width * (3 + 6) * width + (1 + 3) * width * width)
    # a double block: the same matrices, a set for the text and a set for the image
    double_block = 2 * both * (width * 4 * width + width * 6 * width + 3 * width * width)
    attention = (single + double) * 2 * 2 * both * both * width
    ends = 2 * (tokens * 128 * width * 2 + text * 7680 * width)
    by_hand = single * single_block + double * double_block + attention + ends
    counted = of_shape(KLEIN_4B, 1024, 1024, 4)
    assert counted.transformer_step == pytest.approx(by_hand, rel=0.001)
    assert counted.needed == counted.text_encoder + 4 * counted.transformer_step + counted.decoder
    assert f"| {counted.needed / 1e12:.0f} TFLOP |" in DOCS.read_text(encoding="utf-8")
    assert counted.text_encoder == pytest.approx(2 * 512 * 27 * 101e6, rel=0.05)  # 27 layers of 101 million weights
    assert counted.text_encoder_unused > 0


def test_a_reference_adds_its_encoding_and_its_tokens_at_every_step(tiny_pipe):
    plain = of_pipeline(tiny_pipe, 512, 512, 4)
    edit = of_pipeline(tiny_pipe, 512, 512, 4, [(512, 512)])
    assert plain.reference_encoding == 0 < edit.reference_encoding
    assert edit.transformer_step > 1.5 * plain.transformer_step
    assert of_pipeline(tiny_pipe, 512, 512, 4, [(4096, 4096)]) == of_pipeline(tiny_pipe, 512, 512, 4, [(1024, 1024)])


@pytest.mark.parametrize("references", [0, 1])
def test_the_count_is_that_of_a_pipeline_that_runs(tiny_pipe, references):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    sizes = [(96, 80)] * references
    with FlopCounterMode(display=False) as seen:
        tiny_pipe(
            prompt="a red fox",
            image=[Image.new("RGB", size, "red") for size in sizes] or None,
            width=128,
            height=64,
            num_inference_steps=3,
            generator=torch.Generator().manual_seed(0),
        )
    counted = of_pipeline(tiny_pipe, 128, 64, 3, sizes)
    assert counted.needed + counted.text_encoder_unused == seen.get_total_flops()
