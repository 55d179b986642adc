"""A pipeline of a true shape made small, and what is refused of the full-size ones."""

import pytest

from arena.errors import ConfigError
from harness.local.settings import LocalSettings
from harness.local.shapes import KLEIN_4B, Shape

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

SMALL = Shape(
    transformer={
        **KLEIN_4B.transformer, "num_layers": 1, "num_single_layers": 1, "num_attention_heads": 2,
        "joint_attention_dim": 3 * 64,
    },
    text_encoder={
        **KLEIN_4B.text_encoder, "num_hidden_layers": 28, "hidden_size": 64, "intermediate_size": 128,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "vocab_size": 300,
    },
    autoencoder={**KLEIN_4B.autoencoder, "block_out_channels": (32, 32, 32, 32), "norm_num_groups": 8},
)  # fmt: skip


def images(pipe, prompt="a fox"):
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(3)
    called = {"height": 64, "width": 96, "num_inference_steps": 2, "guidance_scale": 1.0, "output_type": "np"}
    return pipe(prompt=prompt, generator=generator, **called).images


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_makes_images_of_finite_pixels_that_follow_the_prompt(dtype):
    from harness.local.random_weights import build_shape

    state, default = torch.random.get_rng_state(), torch.get_default_dtype()
    pipe = build_shape(SMALL, dtype, "cpu")
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.get_default_dtype() is default
    networks = (pipe.transformer, pipe.text_encoder, pipe.vae)
    assert {weight.dtype for network in networks for weight in network.parameters()} == {dtype}
    assert not any(weight.is_meta for network in networks for weight in network.buffers())
    made = images(pipe)
    assert made.shape == (1, 64, 96, 3)
    assert 0.05 < made.std() < 0.5
    assert abs(made - images(pipe, "a lamp")).max() > 0
    assert (made == images(build_shape(SMALL, dtype, "cpu"))).all()


def test_a_computer_that_is_too_small_is_told_so_before_its_memory_is_full(monkeypatch):
    import psutil

    from harness.local.random_weights import build

    class Free:
        available = 3_000_000_000

    monkeypatch.setattr(psutil, "virtual_memory", Free)
    with pytest.raises(ConfigError, match=r"they take 32 GB in float32, and 3 GB of this computer's memory are free"):
        build(LocalSettings(random_weights=True), torch.float32, "cpu")
