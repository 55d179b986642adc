import pytest
from pydantic import ValidationError

from harness.local.settings import LocalSettings


def test_defaults_serve_the_real_model():
    settings = LocalSettings()
    assert settings.model == "black-forest-labs/FLUX.2-klein-4B"
    assert (settings.served_name, settings.tiny, settings.steps, settings.guidance) == (
        "flux.2-klein-4b",
        False,
        4,
        1.0,
    )


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ({"tiny": True}, "tiny-flux.2-klein"),
        ({"model": "/weights/FLUX.2-klein-9B/"}, "flux.2-klein-9b"),
        ({"tiny": True, "served_name": "mine"}, "mine"),
    ],
)
def test_served_name_follows_the_model_unless_given(given, served):
    assert LocalSettings(**given).served_name == served


def test_settings_survive_json():
    settings = LocalSettings(tiny=True, max_queue=3, speed={"dtype": "float32", "max_batch": 4}, gpu_hour_usd="2.49")
    assert LocalSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": {"dtype": "int8"}},
        {"speed": {"max_batch": 0}},
        {"max_queue": -1},
        {"steps": 0},
        {"modle": "x"},
        {"model": ""},
        {"warm_sizes": ["1024"]},
        {"tiny": True, "random_weights": True},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        LocalSettings(**wrong)
