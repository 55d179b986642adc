"""What `Speed` asks for, on the tiny pipeline with torch in this process: done, or refused with what to use instead."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from arena.errors import ConfigError
from harness.local.pipeline import LocalJob, load
from harness.local.settings import LocalSettings, Speed
from harness.local.tiny import save_tiny_pipeline
from harness.local.warmup import warm_sizes_px, warm_up

pytestmark = pytest.mark.slow

JOB = LocalJob("a lighthouse", 128, 64, seed=5, steps=2, guidance=1.0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("speed") / "pipeline")


@pytest.fixture(scope="module")
def loaded(directory):
    def of(**speed):
        return load(LocalSettings(model=str(directory), device="cpu", speed=Speed(**speed)))

    return of


@pytest.fixture(scope="module")
def plain(loaded):
    return loaded(embedding_cache=0)


def levels(result, index: int = 0):
    import numpy as np

    return np.asarray(result.images[index], dtype=int)


def furthest(left, right) -> int:
    """The largest difference of a channel, of 255."""
    return int(abs(left - right).max())


def test_an_image_in_a_batch_is_the_one_it_is_alone_but_for_rounding(loaded, plain):
    batched = loaded(max_batch=4)
    others = [replace(JOB, prompt="a red square", seed=40), replace(JOB, seed=9, n=2)]
    results = batched.run([JOB, *others])
    assert [len(result.images) for result in results] == [1, 1, 2]
    assert {result.batch_images for result in results} == {4}
    alone = [plain.generate(each).images[i] for each in [JOB, *others] for i in range(each.n)]
    together = [image for result in results for image in result.images]
    for one, same in zip(alone, together, strict=True):
        assert furthest(levels(SimpleNamespace(images=[one])), levels(SimpleNamespace(images=[same]))) <= 1
    assert furthest(levels(results[2], 0), levels(results[2], 1)) > 20  # another seed is another image


def test_shares_of_the_device_add_up_to_the_whole(loaded):
    results = loaded(max_batch=4).run([JOB, replace(JOB, n=3)])
    whole_ms = results[0].timings_ms["generate"]
    assert sum(result.timings_ms["device"] for result in results) == pytest.approx(whole_ms, abs=0.01)
    assert results[1].timings_ms["device"] == pytest.approx(3 * results[0].timings_ms["device"], abs=0.01)


def test_stages_and_steps_make_up_the_whole(plain):
    timings_ms = plain.generate(replace(JOB, steps=3)).timings_ms
    stages = ["text_encode", "denoise", "decode", "transfer"]
    assert sum(timings_ms[name] for name in stages) <= timings_ms["generate"]
    steps = [name for name in timings_ms if name.startswith("step_")]
    assert steps == ["step_1", "step_2", "step_3"]
    assert 0 < sum(timings_ms[name] for name in steps) <= timings_ms["denoise"]


def test_a_batch_that_does_not_fit_runs_in_smaller_ones(loaded, monkeypatch):
    import torch

    pipeline = loaded(max_batch=4)
    decode = pipeline.pipe.vae.decode

    def short_of_memory(latents, **options):
        if len(latents) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return decode(latents, **options)

    monkeypatch.setattr(pipeline.pipe.vae, "decode", short_of_memory)
    result = pipeline.generate(replace(JOB, n=4))
    assert (len(result.images), result.batch_images) == (4, 2)


def test_a_prompt_that_comes_again_is_not_encoded_again(loaded, plain):
    cached = loaded(embedding_cache=2)
    assert [cached.generate(replace(JOB, prompt=prompt)).embedding_cached for prompt in "abacbc"] == [
        False,
        False,
        True,
        False,  # c takes the place of b, which was used longest ago
        False,
        True,
    ]
    assert cached.generate(JOB).images[0].tobytes() == cached.generate(JOB).images[0].tobytes()
    assert not any(plain.generate(JOB).embedding_cached for _ in range(2))


def test_a_fault_of_the_driver_is_one(loaded, monkeypatch):
    import torch

    from harness.local.faults import DeviceFaultError

    pipeline = loaded()

    def faults(*_arguments, **_options):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nSearch for …")

    monkeypatch.setattr(pipeline.pipe.transformer, "forward", faults)
    with pytest.raises(DeviceFaultError) as fault:
        pipeline.generate(JOB)
    assert str(fault.value) == (
        "the driver of cpu reported a fault (CUDA error: an illegal memory access was encountered); this job is lost"
    )


@pytest.mark.parametrize(
    ("speed", "most_on_average"),
    [
        ({"channels_last": True}, 0.1),
        ({"attention": "math"}, 0.1),
        ({"attention": "flash"}, 0.1),
        ({"dtype": "bfloat16"}, 16),  # the tiny weights are amplified so that a prompt shows, and roundings with them
        ({"quantization": "int8"}, 6),
    ],
)
def test_each_setting_computes_the_same_image_but_for_rounding(loaded, plain, speed, most_on_average):
    changed = loaded(**speed)
    image, same = levels(plain.generate(JOB)), levels(changed.generate(JOB))
    other = levels(plain.generate(replace(JOB, seed=6)))
    assert abs(image - same).mean() <= most_on_average < abs(image - other).mean() / 2
    if "quantization" in speed:
        blocks = changed.pipe.transformer.transformer_blocks
        assert {type(module.weight).__name__ for name, module in blocks.named_modules() if name.endswith("to_q")} == {
            "Int8Tensor"
        }
        assert furthest(image, same) > 0


def test_attention_of_one_pipeline_is_not_that_of_the_next(loaded):
    from diffusers.models.attention_dispatch import AttentionBackendName

    def backends(pipeline):
        return {
            module.processor._attention_backend
            for module in pipeline.pipe.transformer.modules()
            if hasattr(getattr(module, "processor", None), "_attention_backend")
        }

    assert backends(loaded(attention="math")) == {AttentionBackendName._NATIVE_MATH}
    assert backends(loaded()) == {AttentionBackendName.NATIVE}


@pytest.mark.timeout(300)
def test_a_compiled_pipeline_is_warm_for_what_it_serves_and_gives_the_same_image(directory, plain, caplog, monkeypatch):
    import torch

    # Without the generation of code, which takes minutes on two cores: what is captured, for which shapes, and when it
    # is captured anew is the same with every backend.
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda call, mode, dynamic: compiled(call, backend="eager", dynamic=dynamic))
    settings = LocalSettings(
        model=str(directory),
        device="cpu",
        steps=2,
        speed=Speed(compile="default", max_batch=2),
        warm_sizes=("128x64",),
    )
    pipeline = load(settings)
    with caplog.at_level(logging.INFO, logger="harness.local"):
        warm_up(pipeline, settings)
    assert [message.split(", in ")[0] for message in caplog.messages] == [
        "cpu: warm at 128x64, 1 at a time",
        "cpu: warm at 128x64, 2 at a time",
    ]
    with torch.compiler.set_stance("fail_on_recompile"):
        together = pipeline.generate(replace(JOB, n=2))
        assert furthest(levels(together), levels(plain.generate(JOB))) <= 2
        assert furthest(levels(pipeline.generate(JOB)), levels(plain.generate(JOB))) <= 2
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="harness.local"):
        pipeline.generate(replace(JOB, width_px=64))
        pipeline.generate(replace(JOB, width_px=64))
    assert caplog.messages == ["cpu: compiling for 64x64, 1 at a time: name the size in warm_sizes to have it ready"]


@pytest.mark.parametrize(
    ("speed", "sentence"),
    [
        ({"compile": "reduce-overhead"}, 'speed.compile: "reduce-overhead" records CUDA graphs.*use "default"'),
        ({"quantization": "float8"}, 'speed.quantization: cpu has no float8 matrix units; use "int8"'),
        ({"offload": "model"}, 'speed.offload: .*use "none"'),
        ({"attention": "cudnn"}, 'speed.attention: cpu has no "cudnn" kernels for float32; use "auto"'),
        ({"attention": "efficient"}, 'speed.attention: cpu has no "efficient" kernels for float32; use "auto"'),
    ],
)
def test_what_a_cpu_cannot_do_is_refused_before_anything_is_loaded(speed, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load(LocalSettings(model="no/such-model", device="cpu", speed=Speed(**speed)))


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_offloaded_weights_come_and_go_and_make_the_same_images(loaded, plain, monkeypatch, pictures, quantization):
    # To torch `cpu:0` is another device than `cpu`, so that accelerate's hooks move the weights as to a card.
    monkeypatch.setattr("harness.local.speed._check_offload", lambda *_: None)
    pipeline = loaded(offload="model", quantization=quantization)
    edit = replace(JOB, images=(pictures.opened(pictures.png()).convert("RGB"),) * 2)
    for job in (JOB, edit, replace(JOB, n=2)):
        image, same = levels(pipeline.generate(job), -1), levels(plain.generate(job), -1)
        assert abs(image - same).mean() <= (0.1 if quantization == "none" else 6)
    assert pipeline.pipe.transformer._hf_hook.execution_device.index == 0


@pytest.mark.parametrize(("dtype", "is_refused"), [("auto", False), ("float16", True), ("float32", True)])
def test_float8_on_a_card_goes_with_bfloat16_alone(monkeypatch, dtype, is_refused):
    import torch

    from harness.local.loading import target

    asked = LocalSettings(device="cuda:1", speed=Speed(quantization="float8", dtype=dtype))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    # The cards differ: it is the one that is named that counts.
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda name: (9, 0) if name == "cuda:1" else (8, 0))
    if is_refused:
        with pytest.raises(ConfigError, match=f'"float8" goes with bfloat16, not with {dtype}; use dtype = "bfloat16"'):
            target(asked)
    else:
        assert target(asked).dtype == "bfloat16"


@pytest.mark.parametrize(("device", "made_current"), [("cuda:1", ["cuda:1"]), ("cpu", [])])
def test_the_card_that_is_named_is_the_current_one_when_weights_are_prepared(monkeypatch, device, made_current):
    import torch

    from harness.local import loading

    current, then = [], []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(loading, "_from", lambda *_: then.append(list(current)))
    loading.load_pipe(LocalSettings(model="owner/name"), loading.Target(device, "bfloat16"))
    assert then == [made_current]


def test_compiling_without_a_compiler_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler"):
        load(LocalSettings(tiny=True, device="cpu", speed=Speed(compile="default")))


def test_quantizing_without_its_package_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(ConfigError, match=r"pip install 'provider-arena\[quantization\]'"):
        load(LocalSettings(tiny=True, device="cpu", speed=Speed(quantization="int8")))


def test_graphs_and_guidance_do_not_go_together(directory):
    from harness.local.speed import _compile

    pipe = SimpleNamespace(config=SimpleNamespace(is_distilled=False))
    with pytest.raises(ConfigError, match=r'for models without guidance.*use "default"'):
        _compile(pipe, Speed(compile="max-autotune"))


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({}, [(256, 256)]),
        ({"speed": {"compile": "default"}}, [(1024, 1024)]),
        ({"speed": {"compile": "default"}, "max_side_px": 600}, [(592, 592)]),
        ({"warm_sizes": ["1024x768", "768x1024"]}, [(1024, 768), (768, 1024)]),
    ],
)
def test_what_is_generated_before_the_first_request(settings, sizes):
    assert warm_sizes_px(LocalSettings(**settings)) == sizes
