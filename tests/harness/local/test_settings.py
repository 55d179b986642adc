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
    settings = LocalSettings(tiny=True, max_queue=3, dtype="float32")
    assert LocalSettings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("wrong", [{"dtype": "int8"}, {"max_queue": -1}, {"steps": 0}, {"modle": "x"}, {"model": ""}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        LocalSettings(**wrong)
