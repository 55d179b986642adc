"""A tiny FLUX.2 [klein] pipeline with random weights, for machines that have no weights and no accelerator.

It has every component of the real one — the same classes, in small — and is saved in the same layout, so that
loading, serving and generating run the same code. Its images are colourful texture: they depend on the
prompt, the seed and the reference images, and mean nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel
    from transformers import Qwen2TokenizerFast, Qwen3ForCausalLM

MARKER_NAME = "RANDOM_WEIGHTS"
"""A file of this name marks a directory whose weights are random, whoever loads it later."""

# The pipeline reads hidden states 9, 18 and 27 of the text encoder, so it needs 27 layers whatever their
# width.
_ENCODER_LAYERS = 27
_ENCODER_WIDTH = 16
_LATENT_CHANNELS = 8
_END_OF_TEXT, _TURN_START, _TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)


def save_tiny_pipeline(directory: Path, seed: int = 0) -> Path:
    """Build a tiny `Flux2KleinPipeline` with weights drawn from `seed` and save it; returns `directory`.

    The same seed and library versions give the same weights. The process-wide random state is left as it was.
    """
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline

    directory.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = Flux2KleinPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=3.0),
            vae=_autoencoder(),
            text_encoder=_text_encoder(),
            tokenizer=tiny_tokenizer(),
            transformer=_transformer(),
            is_distilled=True,
        )
    pipeline.save_pretrained(directory)
    (directory / MARKER_NAME).write_text("Random weights: the images mean nothing.\n", encoding="utf-8")
    return directory


def tiny_tokenizer() -> Qwen2TokenizerFast:
    """A tokenizer of bytes, which needs no file; its chat template is like that of Qwen3."""
    from tokenizers import pre_tokenizers
    from transformers import Qwen2TokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate([*alphabet, _END_OF_TEXT])}
    return Qwen2TokenizerFast(
        vocab=vocabulary,
        merges=[],
        unk_token=_END_OF_TEXT,
        eos_token=_TURN_END,
        pad_token=_END_OF_TEXT,
        additional_special_tokens=[_TURN_START, _TURN_END],
        chat_template=_CHAT_TEMPLATE,
        model_max_length=512,
    )


def _text_encoder() -> Qwen3ForCausalLM:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    encoder = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=264,
            hidden_size=_ENCODER_WIDTH,
            intermediate_size=2 * _ENCODER_WIDTH,
            num_hidden_layers=_ENCODER_LAYERS,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=_ENCODER_WIDTH,
            max_position_embeddings=512,
            initializer_range=0.25,
            tie_word_embeddings=True,
        )
    )
    return encoder.eval()


def _transformer() -> Flux2Transformer2DModel:
    import torch
    from diffusers import Flux2Transformer2DModel

    transformer = Flux2Transformer2DModel(
        in_channels=4 * _LATENT_CHANNELS,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=3 * _ENCODER_WIDTH,
        timestep_guidance_channels=32,
        axes_dims_rope=(8, 8, 8, 8),
        guidance_embeds=False,
    ).eval()
    with torch.no_grad():
        for name, weight in transformer.named_parameters():
            weight.mul_(_gain(name))
    return transformer


def _gain(name: str) -> float:
    # At their usual scale random weights average attention over all tokens and pass next to nothing through
    # the gates, so that prompt and references would not show; these factors make each shift the image
    # visibly.
    gains = {"norm_q": 4.0, "norm_k": 4.0, "norm_added": 4.0, "modulation": 20.0, "context_embedder": 8.0}
    if name.startswith("proj_out"):
        return 3.0
    return next((gain for part, gain in gains.items() if part in name), 1.0)


def _autoencoder() -> AutoencoderKLFlux2:
    import torch
    from diffusers import AutoencoderKLFlux2

    autoencoder = AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 16, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=_LATENT_CHANNELS,
        sample_size=256,
    ).eval()
    with torch.no_grad():
        autoencoder.decoder.conv_out.weight.mul_(1.6)  # more contrast, without clipping most pixels
    return autoencoder
