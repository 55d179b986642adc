from decimal import Decimal

import pytest
from pydantic import ValidationError

from arena.errors import ConfigError
from harness.local.settings import LocalSettings
from harness.local.settings_file import read_settings


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


def test_a_file_holds_settings_and_options_go_before_it(tmp_path):
    path = tmp_path / "serve.toml"
    path.write_text('steps = 6\ngpu_hour_usd = "2.49"\n[speed]\ncompile = "default"\nmax_batch = 4\n', encoding="utf-8")
    settings = read_settings(path, {"steps": 8, "speed": {"max_batch": 2}}, "arena local serve")
    assert (settings.steps, settings.gpu_hour_usd) == (8, Decimal("2.49"))
    assert (settings.speed.compile, settings.speed.max_batch) == ("default", 2)


@pytest.mark.parametrize(
    ("text", "given", "sentence"),
    [
        ("[speed]\ncompil = 'off'", {}, "FILE: there is no field `speed.compil`; did you mean 'compile'?"),
        ("stepps = 4", {}, "FILE: there is no field `stepps`; did you mean 'steps'?"),
        ("[speed]\nmax_batch = 0", {}, "FILE: `speed.max_batch`: Input should be greater than or equal to 1"),
        ("steps = 4", {"steps": 0}, "serve with FILE: `steps`: Input should be greater than or equal to 1"),
        (
            "devices = ['cuda:0', 'cuda:1']",
            {"device": "cpu"},
            "serve with FILE: `device` names one device and `devices` several; give one of them",
        ),
        ("devices = ['cuda:0', 'cuda:0']", {}, "FILE: `devices` names cuda:0 twice; one process keeps a device busy"),
        ("devices = ['cuda', 'cuda:0']", {}, "FILE: `devices` names cuda:0 twice; one process keeps a device busy"),
        ("devices = ['cuda:1', 'auto']", {}, "FILE: `devices`: auto is one device, maybe one of the others; name each"),
        ("speed = 3", {}, "FILE: `speed`: Input should be a valid dictionary or instance of Speed"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_file_and_key(tmp_path, text, given, sentence):
    path = tmp_path / "serve.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        read_settings(path, given, "serve")
    assert str(refused.value) == sentence.replace("FILE", str(path))
