"""How much arithmetic an image takes, counted on shapes alone: no weights, no memory, no device.

Counted are the floating-point operations of matrix products, convolutions and attention, two to a multiply-add, as
`torch.utils.flop_counter` counts them; normalization, activations and sampling are left out. What is counted is what
an image needs: of the text encoder the layers whose results are read, of the transformer every token at every step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.local.shapes import TEXT_LAYERS_READ, TEXT_TOKENS, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import torch
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel
    from transformers import Qwen3ForCausalLM

REFERENCE_PIXELS = 1024 * 1024
"""References of more pixels are made smaller before they are encoded (`Flux2KleinPipeline.__call__`)."""


@dataclass(frozen=True, slots=True)
class Operations:
    """Floating-point operations of one image by part.

    `text_encoder_unused` is what diffusers computes beyond the last hidden state that is read; no image needs it, so it
    is not in `needed`.
    """

    text_encoder: int
    text_encoder_unused: int
    transformer_step: int
    steps: int
    decoder: int
    reference_encoding: int

    @property
    def needed(self) -> int:
        """What an image cannot do without, all parts and steps together."""
        return self.text_encoder + self.transformer_step * self.steps + self.decoder + self.reference_encoding


def of_pipeline(
    pipe: Flux2KleinPipeline,
    width_px: int,
    height_px: int,
    steps: int,
    references_px: Iterable[tuple[int, int]] = (),
) -> Operations:
    """The operations of one image by `pipe`, without guidance; `references_px`: sizes of an edit's references."""
    import torch

    with torch.device("meta"):
        copies = (
            type(pipe.transformer).from_config(pipe.transformer.config).eval(),
            type(pipe.text_encoder)(pipe.text_encoder.config).eval(),
            type(pipe.vae).from_config(pipe.vae.config).eval(),
        )
    return _count(*copies, width_px, height_px, steps, references_px)


def of_shape(
    shape: Shape, width_px: int, height_px: int, steps: int, references_px: Iterable[tuple[int, int]] = ()
) -> Operations:
    """The operations of one image by a pipeline of this shape, without guidance."""
    import torch

    from harness.local.random_weights import networks

    with torch.device("meta"):
        return _count(*networks(shape), width_px, height_px, steps, references_px)


def _count(
    transformer: Flux2Transformer2DModel,
    text_encoder: Qwen3ForCausalLM,
    autoencoder: AutoencoderKLFlux2,
    width_px: int,
    height_px: int,
    steps: int,
    references_px: Iterable[tuple[int, int]],
) -> Operations:
    import torch

    scale_px = 2 ** (len(autoencoder.config.block_out_channels) - 1)
    references = [_reference_px(width, height, 2 * scale_px) for width, height in references_px]
    tokens = sum(_tokens(w, h, 2 * scale_px) for w, h in [(width_px, height_px), *references])
    with torch.no_grad(), torch.device("meta"):
        encoder, unused = _text_encoder(text_encoder)
        return Operations(
            text_encoder=encoder,
            text_encoder_unused=unused,
            transformer_step=_transformer(transformer, tokens),
            steps=steps,
            decoder=_decoder(autoencoder, width_px // scale_px, height_px // scale_px),
            reference_encoding=sum(_encoder(autoencoder, w, h) for w, h in references),
        )


def _text_encoder(model: Qwen3ForCausalLM) -> tuple[int, int]:
    """What is read of it, and what is not: the layers after the last hidden state, and the head."""
    import torch

    # A mask that is given whole is used as it is; one of lengths would have to be looked into.
    mask = torch.empty(1, 1, TEXT_TOKENS, TEXT_TOKENS, dtype=torch.bool)
    with _counter() as counter:
        model(input_ids=torch.empty(1, TEXT_TOKENS, dtype=torch.long), attention_mask=mask, use_cache=False)
    total = _total(counter.get_flop_counts(), "Global")
    name = type(model).__name__
    read = sum(
        _total(counter.get_flop_counts(), f"{name}.model.layers.{layer}") for layer in range(max(TEXT_LAYERS_READ))
    )
    return read, total - read


def _transformer(model: Flux2Transformer2DModel, tokens: int) -> int:
    import torch

    with _counter() as counter:
        model(
            hidden_states=torch.empty(1, tokens, model.config.in_channels),
            encoder_hidden_states=torch.empty(1, TEXT_TOKENS, model.config.joint_attention_dim),
            timestep=torch.empty(1),
            guidance=torch.empty(1) if model.config.guidance_embeds else None,
            img_ids=torch.empty(1, tokens, 4),
            txt_ids=torch.empty(1, TEXT_TOKENS, 4),
            return_dict=False,
        )
    return int(counter.get_total_flops())


def _decoder(model: AutoencoderKLFlux2, width: int, height: int) -> int:
    import torch

    with _counter() as counter:
        model.decode(torch.empty(1, model.config.latent_channels, height, width))
    return int(counter.get_total_flops())


def _encoder(model: AutoencoderKLFlux2, width_px: int, height_px: int) -> int:
    import torch

    with _counter() as counter:
        model.encode(torch.empty(1, model.config.in_channels, height_px, width_px))
    return int(counter.get_total_flops())


def _counter() -> torch.utils.flop_counter.FlopCounterMode:
    from torch.utils.flop_counter import FlopCounterMode

    return FlopCounterMode(display=False)


def _total(counts: Mapping[str, Mapping[object, int]], module: str) -> int:
    return sum(counts[module].values())


def _tokens(width_px: int, height_px: int, patch_px: int) -> int:
    return (width_px // patch_px) * (height_px // patch_px)


def _reference_px(width_px: int, height_px: int, patch_px: int) -> tuple[int, int]:
    """The size at which the pipeline encodes a reference: at most `REFERENCE_PIXELS`, sides whole patches."""
    if width_px * height_px > REFERENCE_PIXELS:
        ratio = math.sqrt(REFERENCE_PIXELS / (width_px * height_px))
        width_px, height_px = int(width_px * ratio), int(height_px * ratio)
    return width_px // patch_px * patch_px, height_px // patch_px * patch_px
