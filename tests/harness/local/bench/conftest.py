"""The tiny pipeline, as diffusers loads it."""

import pytest


@pytest.fixture(scope="session")
def tiny_pipe(tmp_path_factory):
    pytest.importorskip("torch")
    from diffusers import Flux2KleinPipeline

    from harness.local.tiny import save_tiny_pipeline

    pipe = Flux2KleinPipeline.from_pretrained(save_tiny_pipeline(tmp_path_factory.mktemp("tiny")))
    pipe.set_progress_bar_config(disable=True)
    return pipe
