"""Tiny models with weights on disk, made by the real libraries: random, so what they say of images means nothing."""

import json

CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
FEATURES = "test_vit"


def save_clip(directory, seed=0):
    """A directory that `--clip` takes; another seed makes other weights."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    net = open_clip.CLIP(
        CLIP["embed_dim"],
        open_clip.CLIPVisionCfg(**CLIP["vision_cfg"]),
        open_clip.CLIPTextCfg(**CLIP["text_cfg"]),
    )
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, directory / "open_clip_model.safetensors")
    (directory / "open_clip_config.json").write_text(json.dumps({"model_cfg": CLIP, "preprocess_cfg": {}}))
    return directory


def save_features(directory, seed=0):
    """What `--features` takes: a model of timm and a file with its weights."""
    import timm
    import torch
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    net = timm.create_model(FEATURES, pretrained=False, num_classes=0)
    path = directory / "features.safetensors"
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, path)
    return f"{FEATURES}={path}"
