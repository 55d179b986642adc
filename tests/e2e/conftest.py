"""The `arena` command as a user runs it: a process of its own, over simulated providers."""

import json
import os
import subprocess

import pytest

from harness.sim.contender import SimContender
from harness.sim.process import background
from tests.e2e import warm
from tests.e2e.warm import ARENA

QUICK = {"latency": {"kind": "fixed", "ms": 30}, "quality": 0.5, "style": "flat", "price_usd": "0.01", "seed": 1}
CONTENDERS = [
    {"name": "quick", "protocol": "openai", "model": "sim-quick", **QUICK},
    {"name": "pods", "protocol": "cog", "model": "sim-pods", **QUICK},
    {"name": "slow", "protocol": "openai", "model": "sim-slow", **QUICK, "latency": {"kind": "fixed", "ms": 500}},
    {"name": "broken", "protocol": "openai", "model": "sim-broken", **QUICK, "failures": {"server_error": 1.0}},
]


@pytest.fixture(scope="session")
def sim_url():
    contenders = [SimContender.model_validate({"max_in_flight": 64, **c}) for c in CONTENDERS]
    with background(contenders) as url:
        yield url


@pytest.fixture
def config(sim_url, tmp_path):
    """A configuration directory with the endpoints `t/quick`, `t/pods`, `t/slow`, `t/broken`, and `t/keyed`."""
    directory = tmp_path / "config"
    (directory / "plans").mkdir(parents=True)
    endpoints, prices = [], []
    for c in CONTENDERS:
        openai = c["protocol"] == "openai"
        fields = 'seed = "seed", guidance = "guidance_scale"' if openai else 'guidance = "guidance"'
        endpoints.append(endpoint(c, f"{sim_url}/{c['name']}{'/v1' if openai else ''}", fields))
        prices.append(price(c["name"]))
    keyed = {**CONTENDERS[0], "name": "keyed"}
    endpoints.append(endpoint(keyed, f"{sim_url}/quick/v1", 'seed = "seed"') + 'key_env = "TEST_API_KEY"\n')
    (directory / "endpoints.toml").write_text("\n".join(endpoints))
    (directory / "prices.toml").write_text("\n".join(prices))
    return directory


def endpoint(contender, url, fields):
    return (
        f'[[endpoint]]\nid = "t/{contender["name"]}"\nprovider = "t"\nprotocol = "{contender["protocol"]}"\n'
        f'model = "{contender["model"]}"\nbase_url = "{url}"\nsimulated = true\noptions.fields = {{ {fields} }}\n'
        'modes = ["t2i", "edit"]\nlimits = { max_in_flight = 8, max_input_images = 4 }\n'
    )


def price(name):
    return (
        f'[[price]]\nendpoint = "t/{name}"\nfrom_date = 2026-01-01\nper_image_usd = "0.01"\n'
        'source = "here"\nconfidence = "simulated"\n'
    )


def plan_text(*endpoints, **changes):
    fields = {"name": "mine", "endpoints": [f"t/{e}" for e in endpoints], "repetitions": 1, **changes}
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if not isinstance(value, dict)]
    tables = {"prompts": {"sets": ["core"], "limit": 5}, "request": {"size": "64x64"}, "load": {"in_flight": 4}}
    for name, table in {**tables, **{k: v for k, v in fields.items() if isinstance(v, dict)}}.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines)


class Arena:
    """Runs the command; remembers its directory and environment."""

    def __init__(self, directory, config):
        self.directory, self.config, self.data = directory, config, directory / "data"
        self.env = {**os.environ, "ARENA_CONFIG_DIR": str(config), "ARENA_DATA_DIR": str(self.data), "COLUMNS": "200"}

    def plan(self, *endpoints, **changes):
        path = self.config / "plans" / "mine.toml"
        path.write_text(plan_text(*endpoints, **changes))
        return str(path)

    def start(self, *arguments, **env):
        return subprocess.Popen(
            [ARENA, *arguments],
            cwd=self.directory,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments, code=0, **env):
        told = self.directory / "told"
        ended = warm.run(arguments, self.directory, {**self.env, **env}, told, timeout_s=110)
        out, err = (told.with_suffix(f".{kind}").read_text(encoding="utf-8") for kind in ("out", "err"))
        assert ended == code, f"exit {ended}\n{out}\n{err}"
        return Said(out, err)

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--json", **options).out)


class Said:
    """What a command printed."""

    def __init__(self, out, err):
        self.out, self.err = out, err

    @property
    def sentence(self):
        """The one line that a refused command prints."""
        lines = self.err.strip().splitlines()
        assert self.out == ""
        assert len(lines) == 1, self.err
        return lines[0].removeprefix("arena: ")


@pytest.fixture
def arena(tmp_path, config):
    return Arena(tmp_path, config)
