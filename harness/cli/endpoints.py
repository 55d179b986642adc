"""`arena endpoints`: every model at every provider that can be measured, with its limits and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.domain.choices import Mode
from harness.cli.console import Json, catalog, out, print_json
from harness.keys import KEYS

if TYPE_CHECKING:
    from arena.domain.endpoint import Endpoint, Limits
    from arena.pricing import PriceCard

cli = typer.Typer(name="endpoints", help="List models at providers, with limits and prices.", no_args_is_help=True)


@cli.callback()
def _group() -> None:
    pass


@cli.command()
def ls(
    pattern: Annotated[str, typer.Argument(help="Ids to list, such as `fal/*` or `*4b*`.")] = "*",
    *,
    mode: Annotated[Mode | None, typer.Option("--mode", help="Only those that can do this.")] = None,
    simulated: Annotated[bool, typer.Option("--simulated/--real", help="Simulated ones, too.")] = True,
    as_json: Json = False,
) -> None:
    """List endpoints: what each makes, its limits, its price, and whether its key is set."""
    from harness.session import today

    found = catalog()
    book = found.prices()
    chosen = [
        e
        for e in found.select_endpoints([pattern], "endpoints ls")
        if (mode is None or mode in e.modes) and (simulated or not e.simulated)
    ]
    rows = [(e, book.card(e.id, today())) for e in chosen]
    if as_json:
        print_json([as_row(endpoint, card) for endpoint, card in rows])
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("endpoint", "protocol", "modes", "sides, px", "steps", "n", "inputs", "open at once", "price", "key"):
        table.add_column(name, no_wrap=name == "endpoint")
    for endpoint, card in rows:
        table.add_row(
            f"{endpoint.id}{' (simulated)' if endpoint.simulated else ''}",
            endpoint.protocol,
            " ".join(endpoint.modes),
            *limits_in_words(endpoint.limits, endpoint.modes),
            "–" if card is None else card.in_words,
            key_in_words(endpoint),
        )
    out().print(table)


def as_row(endpoint: Endpoint, card: PriceCard | None) -> dict[str, Any]:
    """An endpoint for machines."""
    return {
        "endpoint": endpoint.id,
        "provider": endpoint.provider,
        "protocol": endpoint.protocol,
        "model": endpoint.model,
        "modes": list(endpoint.modes),
        "region": endpoint.region,
        "simulated": endpoint.simulated,
        "key_env": endpoint.key_env,
        "key_set": None if endpoint.key_env is None else bool(KEYS.get(endpoint.key_env)),
        "poll_interval_s": endpoint.poll_interval_s,
        "timeout_s": endpoint.timeout_s,
        "limits": endpoint.limits.model_dump(mode="json"),
        "price": None if card is None else card.model_dump(mode="json"),
        "note": endpoint.note,
    }


def limits_in_words(limits: Limits, modes: tuple[Mode, ...]) -> tuple[str, str, str, str, str]:
    """Sides, steps, n, input images and requests at once, each as short as it can be said."""
    sides = f"{limits.min_side_px}–{limits.max_side_px}"
    sides += f" by {limits.side_multiple_px}" if limits.side_multiple_px > 1 else ""
    if limits.sizes:
        sides = " ".join(map(str, limits.sizes))
    steps = "any" if (limits.min_steps, limits.max_steps) == (1, 500) else f"{limits.min_steps}–{limits.max_steps}"
    inputs = str(limits.max_input_images) if Mode.EDIT in modes else "–"
    rate = f", {limits.requests_per_minute:g}/min" if limits.requests_per_minute else ""
    return sides, steps, str(limits.max_n), inputs, f"{limits.max_in_flight}{rate}"


def key_in_words(endpoint: Endpoint) -> str:
    """Which variable holds the key, and whether it is set."""
    if endpoint.key_env is None:
        return "none needed"
    return f"{endpoint.key_env} ({'set' if KEYS.get(endpoint.key_env) else 'not set'})"
