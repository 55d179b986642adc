"""`arena local bench` as a user gives it, over the tiny pipeline in this process."""

import json
import subprocess
import sys
import tomllib

import pytest
from typer.testing import CliRunner

from arena.catalog import Catalog
from arena.errors import ConfigError
from harness.cli import cli
from harness.local.bench import matrix_rate, processes, search

TINY = ["local", "bench", "--tiny", "--device", "cpu", "--size", "64x64", "--steps", "1", "--repetitions", "6"]


class InThisProcess:
    """Answers as a process would, without the seconds that importing torch takes each time."""

    def __init__(self, directory):
        self.directory, self.asked = directory, 0

    def ask(self, question, timeout_s):
        from harness.local.bench.measure import answer_or_refusal

        place = self.directory / str(self.asked)
        place.mkdir()
        self.asked += 1
        return answer_or_refusal(question, place), place


class Interrupted(InThisProcess):
    def ask(self, question, timeout_s):
        if self.asked == 2:
            raise KeyboardInterrupt
        return super().ask(question, timeout_s)


@pytest.fixture
def arena(monkeypatch):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(processes, "Processes", InThisProcess)
    monkeypatch.setattr(search, "ROUNDS", 1)
    monkeypatch.setattr(matrix_rate, "_SQUARES", {"cpu": (128,)})
    monkeypatch.setitem(search.SPACE, "cpu", (("attention", ("cudnn",)), ("channels_last", (True,))))
    yield lambda *words: CliRunner().invoke(cli, [*words], catch_exceptions=False)
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_measures_chooses_and_writes_an_endpoint_that_is_listed(arena, tmp_path, monkeypatch):
    from harness.local.settings_file import read_settings

    monkeypatch.setenv("ARENA_CONFIG_DIR", str(tmp_path))
    done = arena(*TINY, "--compared", "1", "--batch", "2", "--write", str(tmp_path / "endpoints.toml"), "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    rows = {row["name"]: row for row in found["rows"]}
    assert found["simulated"] is True
    assert found["arithmetic"]["needed"] > 0
    assert rows["attention=cudnn"]["refused"].startswith('speed.attention: cpu has no "cudnn"')
    assert rows[found["best"]]["is_within"] is True
    assert rows[found["best"]]["latency_ms"]["n"] == 12
    assert rows["diffusers' defaults"]["times_limit"] > 1
    endpoint = Catalog(tmp_path).endpoints()["local/tiny-flux.2-klein-fast"]
    assert endpoint.simulated
    settings = read_settings(tmp_path / "tiny-flux.2-klein-fast.settings", {}, "here")
    assert settings.served_name == endpoint.model == "tiny-flux.2-klein-fast"
    assert settings.tiny
    assert settings.warm_sizes == ("64x64",)
    assert "arena local serve --settings" in done.stderr
    assert "will show" not in done.stderr
    again = CliRunner().invoke(cli, [*TINY, "--write", str(tmp_path / "endpoints.toml")])
    assert isinstance(again.exception, ConfigError)
    assert "is there already; give another --name" in str(again.exception)


@pytest.mark.slow
def test_interrupted_it_prints_what_was_measured_and_writes_nothing(arena, tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "Processes", Interrupted)
    done = arena(*TINY, "--compared", "1", "--md", "--write", str(tmp_path / "endpoints.toml"))
    assert done.exit_code == 130
    assert "Not everything was measured: it was interrupted." in done.stdout
    assert "| arena local serve, as it is |" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--size", "1000x1000"], "--size: 1000x1000 is none"),
        (["--size", "big"], "multiples of 16"),
        (["--within", "soon"], "write it as 90s, 10m or 1h"),
        (["--within", "0m"], "is no time"),
        (["--random-weights"], "two pipelines"),
        (["--write", "/nowhere/endpoints.toml"], "/nowhere is no directory"),
        (["--write", "."], "is a directory; name a file in it"),
        (["--write", "a.toml", "--name", "a b"], "--name a b: `id`"),
        (["--write", "mine.json"], r"has to end in .toml"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(words, sentence, monkeypatch):
    def never(*_args):
        raise AssertionError("something was measured")

    monkeypatch.setattr(processes, "Processes", never)
    done = CliRunner().invoke(cli, [*TINY, *words])
    assert isinstance(done.exception, ConfigError), done.output
    assert sentence in str(done.exception)


def test_random_weights_are_of_models_whose_shape_is_known():
    done = CliRunner().invoke(cli, ["local", "bench", "--random-weights", "--model", "FLUX.2-klein-4"])
    assert "did you mean 'flux.2-klein-4b'" in str(done.exception)


def test_an_endpoint_is_added_to_those_that_a_file_holds_and_never_twice(tmp_path):
    from harness.local.bench.endpoint import Files
    from harness.local.settings import LocalSettings

    path = tmp_path / "endpoints.toml"
    for name in ("one", "two"):
        Files(path, name).check(LocalSettings())
        Files(path, name).write(LocalSettings(speed={"max_batch": 8}), simulated=False, is_faster=name == "one")
    endpoints = Catalog(tmp_path).endpoints()
    doubted = {name: "not shown to be faster" in endpoints[f"local/{name}"].note for name in ("one", "two")}
    assert doubted == {"one": False, "two": True}
    assert endpoints["local/one"].limits.max_in_flight == 8
    assert not endpoints["local/two"].simulated
    shipped = endpoints["local/flux.2-klein-4b"]
    assert endpoints["local/one"].options == shipped.options
    assert endpoints["local/one"].base_url == shipped.base_url
    assert tomllib.loads((tmp_path / "two.settings").read_text())["speed"]["max_batch"] == 8
    (tmp_path / "two.settings").unlink()
    with pytest.raises(ConfigError, match="has local/two already"):
        Files(path, "two").check(LocalSettings())


def test_help_imports_no_torch():
    code = (
        "import sys; from harness.cli import cli; print({'numpy', 'scipy', 'pandas'} & set(sys.modules))\n"
        "from harness.local import random_weights, shapes\n"
        "from harness.local.bench import measure, processes, report, search, table\n"
        "print({'torch', 'diffusers', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\nset()\n"
