"""The files of a scheduler's day: endpoints that work, fail, are not there or misbehave; a plan, schedules, a watch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.torture.runs import CONTENDERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.torture.misbehaving import Misbehaving

SCHEDULES = {
    "half-hours": {"cron": "*/30 * * * *", "timezone": "UTC", "month_budget_usd": 90},
    "quarters": {"cron": "15,45 * * * *", "timezone": "Australia/Lord_Howe", "run_budget_usd": 2},
}
"""Together a run every quarter of an hour."""
NOBODY = "http://127.0.0.1:9"
PLAN = """name = "torture"
endpoints = {endpoints}
timeout_s = 1.5
[prompts]
sets = ["core"]
limit = 2
[request]
size = "64x64"
[load]
in_flight = 2
"""
WATCH = f"""figures = ["p50"]
[[channel]]
kind = "webhook"
name = "hook"
url = "{NOBODY}/in"
"""


def write_schedules(directory: Path) -> None:
    """Schedules, and whom to tell: a hook that is down."""
    for name in ("plans", "schedules"):
        (directory / name).mkdir(parents=True)
    for name, given in SCHEDULES.items():
        lines = [f'name = "{name}"', 'plan = "torture"', *(f"{key} = {json.dumps(v)}" for key, v in given.items())]
        (directory / "schedules" / f"{name}.toml").write_text("\n".join(lines))
    (directory / "watch.toml").write_text(WATCH)


def write_plan(directory: Path, url: str, hostile: Sequence[Misbehaving]) -> None:
    """The next run's plan: at a cent an image, what is always there, and a few that misbehave."""
    places = {"t/nobody": ("openai", f"{NOBODY}/v1")}
    for name, protocol in CONTENDERS.items():
        places[f"t/{name}"] = protocol, f"{url}/{name}/v1" if protocol == "openai" else f"{url}/{name}"
    places |= {f"t/{one.name}": ("openai", one.base_url) for one in hostile}
    endpoints, prices = [], []
    for name, (protocol, base_url) in places.items():
        fields = 'options.fields = { seed = "seed" }' if protocol == "openai" else ""
        model = name.partition("/")[2]
        endpoints.append(
            f'[[endpoint]]\nid = "{name}"\nprovider = "t"\nprotocol = "{protocol}"\nmodel = "{model}"\n'
            f'base_url = "{base_url}"\nsimulated = true\n{fields}\n'
        )
        prices.append(
            f'[[price]]\nendpoint = "{name}"\nfrom_date = 2026-01-01\nper_image_usd = "0.01"\nsource = "here"\n'
            'confidence = "simulated"\n'
        )
    (directory / "endpoints.toml").write_text("\n".join(endpoints))
    (directory / "prices.toml").write_text("\n".join(prices))
    (directory / "plans" / "torture.toml").write_text(PLAN.format(endpoints=json.dumps([*places])))
