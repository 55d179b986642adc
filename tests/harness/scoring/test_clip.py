"""CLIP by open_clip on a tiny model: whole images, whole texts, weights that are named or missing."""

import sys

import numpy as np
import pytest
from PIL import Image

from arena.errors import ConfigError
from harness.scoring.clip import PADDING, Clip
from harness.scoring.models import read_models
from harness.scoring.toolbox import Toolbox

pytestmark = pytest.mark.slow

LONG = " ".join(f"Sentence {i} speaks of a {colour} kite above the harbour." for i in range(8) for colour in ("red",))


@pytest.fixture
def clip(toolbox):
    return toolbox.clip


def test_embeddings_are_those_of_the_library_and_of_unit_length(clip, clip_directory):
    import open_clip
    import torch

    net, _, _ = open_clip.create_model_and_transforms(f"local-dir:{clip_directory}")
    tokens = open_clip.get_tokenizer(f"local-dir:{clip_directory}")(["a cat", "a dog"])
    with torch.inference_mode():
        expected = net.eval().encode_text(tokens, normalize=True).numpy()
    assert clip.texts(["a cat", "a dog"]) == pytest.approx(expected, abs=1e-6)
    images = clip.images([("a", Image.new("RGB", (40, 20), "red")), ("b", Image.new("RGB", (20, 40), "blue"))])
    assert np.linalg.norm(images, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_an_image_that_is_not_square_is_padded_and_nothing_of_it_is_cut_off(clip):
    wide = Image.new("RGB", (300, 100), "white")
    wide.paste("black", (0, 0, 20, 100))  # a centre crop would not show it
    values = clip.prepared(wide)
    assert values.shape == (3, 32, 32)
    net = clip._net.visual.preprocess_cfg
    levels = (values[0] * net["std"][0] + net["mean"][0]) * 255
    assert levels[16, 0] == pytest.approx(0, abs=25)
    assert levels[0, 16] == pytest.approx(PADDING, abs=1)
    assert levels[31, 16] == pytest.approx(PADDING, abs=1)


def test_texts_longer_than_the_model_reads_come_in_chunks_that_hold_every_word(clip):
    assert clip.chunks("a short text") == ["a short text"]
    chunks = clip.chunks(LONG)
    assert len(chunks) > 1
    assert " ".join(chunks) == LONG
    tokens = clip._tokenizer(chunks)
    assert tokens.shape[1] == 77
    assert all(int(row[-1]) == 0 or int(row[-1]) == 49407 for row in tokens)
    assert max(clip._tokens(chunk) for chunk in chunks) <= 75


def test_a_sentence_without_end_is_cut_between_words(clip):
    endless = "and " * 200
    chunks = clip.chunks(endless)
    assert " ".join(chunks).split() == endless.split()
    assert all(clip._tokens(chunk) <= 75 for chunk in chunks)


def test_weights_are_named_by_their_hash(clip_directory, other_clip_directory):
    import hashlib

    one, other = (Clip(read_models(None, str(d)).clip, "cpu").identity for d in (clip_directory, other_clip_directory))
    assert (
        one.weights_sha256 == hashlib.sha256((clip_directory / "open_clip_model.safetensors").read_bytes()).hexdigest()
    )
    assert one.weights_sha256 != other.weights_sha256
    assert (one.tool, one.device) == ("open_clip", "cpu")


def test_a_weights_file_can_be_named_without_its_directory(tmp_path, clip_directory):
    file = clip_directory / "open_clip_model.safetensors"
    misnamed = Clip(read_models(None, f"ViT-B-32={file}").clip, "cpu")
    with pytest.raises(ConfigError, match=r"are no weights of ViT-B-32"):
        misnamed.texts(["a cat"])
    with pytest.raises(ConfigError, match=r"there is no .*nowhere"):
        Clip(read_models(None, f"ViT-B-32={tmp_path}/nowhere.safetensors").clip, "cpu")


def test_what_is_missing_is_said_with_where_it_was_looked_for_and_how_to_get_it(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError) as refused:
        Clip(read_models(None).clip, "cpu")
    for part in ("open_clip_model.safetensors", str(tmp_path), "hf download laion/CLIP-ViT-B-32-", "--clip"):
        assert part in str(refused.value)


def test_unknown_models_and_tags_are_refused_with_what_there_is():
    with pytest.raises(ConfigError, match=r"no such architecture"):
        Clip(read_models(None, "ViT-B-33:openai").clip, "cpu")
    with pytest.raises(ConfigError, match=r"no pretrained tag 'mine'.*laion2b_s34b_b79k"):
        Clip(read_models(None, "ViT-B-32:mine").clip, "cpu")
    with pytest.raises(ConfigError, match=r"write MODEL:TAG, MODEL=PATH"):
        read_models(None, "ViT-B-32")


def test_without_the_extra_the_sentence_names_it(monkeypatch):
    for name in ("open_clip", "timm", "rapidocr_onnxruntime", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    tools = Toolbox(read_models(None))
    for tool in ("clip", "features", "reader"):
        with pytest.raises(ConfigError, match=r"pip install 'provider-arena\[scoring\]'"):
            tools.identity(tool)
    assert tools.identity("pixels").weights_sha256 is None


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"--device nonsense: cannot be used here"):
        _ = Toolbox(read_models(None), "nonsense").device


def test_images_are_prepared_as_the_weights_were_trained(monkeypatch, tmp_path):
    """A tag says it; so do all tags of an architecture whose weights come from a file."""
    import huggingface_hub

    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"never loaded here")
    siglip = Clip(read_models(None, f"ViT-B-16-SigLIP={file}").clip, "cpu")
    assert siglip._trained["mean"] == (0.5, 0.5, 0.5)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: str(file))
    by_openai = Clip(read_models(None, "ViT-B-32:openai").clip, "cpu")
    assert by_openai._trained["quick_gelu"]
    assert by_openai.identity.weights == "openai"
    assert not Clip(read_models(None).clip, "cpu")._trained.get("quick_gelu")
