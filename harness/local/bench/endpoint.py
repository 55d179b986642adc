"""The winner of a search as files: settings for `arena local serve`, and an endpoint that a run can name."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from arena.catalog import parse, read_tables
from arena.domain.endpoint import Endpoint
from arena.errors import ConfigError
from arena.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from harness.local.settings import LocalSettings

SETTINGS_SUFFIX = ".settings"
"""Not `.toml`: a directory of one's own reads every file of that name as prompts or endpoints."""

_ANY_URL = "http://127.0.0.1:8702/v1"
_ENDPOINT = """\
[[endpoint]]
id = {id}
provider = "local"
protocol = "openai"
model = {model}
base_url = "${{ARENA_LOCAL_URL:-http://127.0.0.1:8702/v1}}"
simulated = {simulated}
modes = ["t2i", "edit"]
timeout_s = 600
options.fields = {{ seed = "seed", steps = "num_inference_steps", guidance = "guidance_scale" }}
options.cost_header = "x-cost-usd"
note = {note}

[endpoint.limits]
max_in_flight = {max_in_flight}
min_side_px = 64
max_side_px = {max_side_px}
side_multiple_px = 16
max_n = 4
max_input_images = 4
"""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the endpoint `local/NAME` is to be written, and its settings beside it. Checked before anything runs."""

    endpoints: Path
    name: str

    @property
    def id(self) -> str:
        """The endpoint's id."""
        return f"local/{self.name}"

    @property
    def settings(self) -> Path:
        """The file for `arena local serve --settings`."""
        return self.endpoints.with_name(self.name + SETTINGS_SUFFIX)

    def check(self, settings: LocalSettings) -> None:
        """ConfigError if the file cannot take this endpoint, or if a file of settings would be lost."""
        if self.endpoints.is_dir():
            raise ConfigError(f"--write: {self.endpoints} is a directory; name a file in it, such as endpoints.toml")
        if not self.endpoints.parent.is_dir():
            raise ConfigError(f"--write: {self.endpoints.parent} is no directory; make it first")
        if self.endpoints.suffix != ".toml":
            raise ConfigError(f"--write: {self.endpoints} has to end in .toml, or no endpoint is read from it")
        entry = tomllib.loads(self._endpoint(settings, simulated=False, is_faster=True))["endpoint"][0]
        parse(Endpoint, {**entry, "base_url": _ANY_URL}, f"--name {self.name}")
        if self.settings.exists():
            raise ConfigError(f"--write: {self.settings} is there already; give another --name, or remove it")
        if self.endpoints.exists() and any(e.get("id") == self.id for e in read_tables(self.endpoints)["endpoint"]):
            raise ConfigError(f"--write: {self.endpoints} has {self.id} already; give another --name, or remove it")

    def write(self, settings: LocalSettings, *, simulated: bool, is_faster: bool) -> None:
        """Write the settings under this name, and add the endpoint to what the other file holds.

        Where the settings were not shown to be faster than diffusers' defaults, the endpoint's note says so.
        """
        served = settings.model_copy(update={"served_name": self.name})
        endpoint = self._endpoint(settings, simulated=simulated, is_faster=is_faster)
        with whole_file(self.settings) as file:
            file.write(as_toml(served).encode())
        before = self.endpoints.read_text(encoding="utf-8") + "\n" if self.endpoints.exists() else ""
        with whole_file(self.endpoints) as file:
            file.write((before + endpoint).encode())

    def _endpoint(self, settings: LocalSettings, *, simulated: bool, is_faster: bool) -> str:
        doubt = "" if is_faster else "; not shown to be faster than diffusers' defaults when it was chosen"
        return _ENDPOINT.format(
            id=json.dumps(self.id),
            model=json.dumps(self.name),
            simulated=str(simulated).lower(),
            note=json.dumps(f"`arena local serve --settings {self.settings.name}`{doubt}"),
            max_in_flight=max(4, settings.speed.max_batch),
            max_side_px=settings.max_side_px,
        )


def as_toml(settings: LocalSettings) -> str:
    """Settings as a file for `arena local serve --settings`; what is as it is by default is left out."""
    plain = settings.model_dump(mode="json", exclude_defaults=True)
    speed = settings.speed.model_dump(mode="json")
    lines = [f"{name} = {_toml(value)}" for name, value in plain.items() if name != "speed" and value is not None]
    return "\n".join([*lines, "", "[speed]", *(f"{name} = {_toml(value)}" for name, value in speed.items())]) + "\n"


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists of them are TOML's.
    return json.dumps(value)
