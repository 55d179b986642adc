"""The true shapes of the FLUX.2 [klein] models, as data: what their weights are shaped like, without the weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arena.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_TOKENS = 512
"""How many tokens a prompt always has: the pipeline pads to this length (`Flux2KleinPipeline.tokenizer_max_length`)."""

TEXT_LAYERS_READ = (9, 18, 27)
"""Hidden states of the text encoder that make an embedding (`Flux2KleinPipeline.encode_prompt`); later ones do not."""

# `vae/config.json` of black-forest-labs/FLUX.2-klein-4B; the 9B model has the same. Black Forest Labs' own
# `AutoEncoderParams` (flux2, src/flux2/autoencoder.py): ch 128, ch_mult 1, 2, 4, 4, num_res_blocks 2, z_channels 32.
_AUTOENCODER = {
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 32,
    "norm_num_groups": 32,
    "sample_size": 1024,
    "batch_norm_eps": 1e-4,
    "patch_size": (2, 2),
}

# What both transformers share: `transformer/config.json` of FLUX.2-klein-4B, and `Klein4BParams` and `Klein9BParams` in
# src/flux2/model.py of black-forest-labs/flux2 (in_channels 128, axes_dim 32 four times, theta 2000, mlp_ratio 3.0,
# no guidance embedding, heads of 128).
_TRANSFORMER = {
    "in_channels": 128,
    "attention_head_dim": 128,
    "timestep_guidance_channels": 256,
    "mlp_ratio": 3.0,
    "axes_dims_rope": (32, 32, 32, 32),
    "rope_theta": 2000,
    "guidance_embeds": False,
}

# What config.json of Qwen/Qwen3-4B and of Qwen/Qwen3-8B have in common.
_TEXT_ENCODER = {
    "vocab_size": 151_936,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000},
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Arguments of the three networks of a `Flux2KleinPipeline`, and of its scheduler."""

    transformer: Mapping[str, Any]
    text_encoder: Mapping[str, Any]
    autoencoder: Mapping[str, Any] = field(default_factory=lambda: _AUTOENCODER)
    is_distilled: bool = True


KLEIN_4B = Shape(
    transformer=_TRANSFORMER
    | {
        "num_layers": 5,  # Klein4BParams.depth
        "num_single_layers": 20,  # Klein4BParams.depth_single_blocks
        "num_attention_heads": 24,  # Klein4BParams.num_heads; hidden_size 3072
        "joint_attention_dim": 7680,  # Klein4BParams.context_in_dim: three hidden states of 2560
    },
    # Qwen/Qwen3-4B, config.json
    text_encoder=_TEXT_ENCODER | {"hidden_size": 2560, "intermediate_size": 9728, "tie_word_embeddings": True},
)
KLEIN_9B = Shape(
    transformer=_TRANSFORMER
    | {
        "num_layers": 8,  # Klein9BParams.depth
        "num_single_layers": 24,  # Klein9BParams.depth_single_blocks
        "num_attention_heads": 32,  # Klein9BParams.num_heads; hidden_size 4096
        "joint_attention_dim": 12_288,  # Klein9BParams.context_in_dim: three hidden states of 4096
    },
    # Qwen/Qwen3-8B, config.json
    text_encoder=_TEXT_ENCODER | {"hidden_size": 4096, "intermediate_size": 12_288, "tie_word_embeddings": False},
)
SHAPES = {"flux.2-klein-4b": KLEIN_4B, "flux.2-klein-9b": KLEIN_9B}


def shape_of(model: str) -> Shape:
    """The shape of a model by its id, with or without its owner; UnknownNameError where it is not known here."""
    name = model.rstrip("/").rsplit("/", 1)[-1].lower()
    if name not in SHAPES:
        raise UnknownNameError("model of known shape", name, SHAPES, "random weights")
    return SHAPES[name]
