"""`arena providers`: how each takes a request, what it needs, and whether it can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.domain.choices import Delivery, ImageFormat, Mode
from arena.reports.choices import Warmth
from harness.cli.console import Json, catalog, out, print_json, settings

if TYPE_CHECKING:
    from collections.abc import Collection

    from arena.domain.endpoint import Endpoint
    from arena.domain.request import GenerationRequest

cli = typer.Typer(
    name="providers", help="Show how providers take a request, and check whether they answer.", no_args_is_help=True
)


@cli.command()
def ls(*, as_json: Json = False) -> None:
    """List providers: protocols, endpoints, modes and keys."""
    from harness.keys import KEYS

    by_provider: dict[str, list[Endpoint]] = {}
    for endpoint in catalog().endpoints().values():
        by_provider.setdefault(endpoint.provider, []).append(endpoint)
    rows: list[dict[str, Any]] = [
        {
            "provider": name,
            "protocols": sorted({e.protocol for e in endpoints}),
            "endpoints": len(endpoints),
            "modes": sorted({m.value for e in endpoints for m in e.modes}, reverse=True),
            "simulated": all(e.simulated for e in endpoints),
            "key_env": sorted({e.key_env for e in endpoints if e.key_env}),
            "key_set": all(KEYS.get(e.key_env) for e in endpoints if e.key_env),
        }
        for name, endpoints in by_provider.items()
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for column in ("provider", "protocols", "endpoints", "modes", "key"):
        table.add_column(column)
    for row in rows:
        keys = ", ".join(f"{name} ({'set' if KEYS.get(name) else 'not set'})" for name in row["key_env"])
        name = f"{row['provider']}{' (simulated)' if row['simulated'] else ''}"
        table.add_row(
            name, " ".join(row["protocols"]), str(row["endpoints"]), " ".join(row["modes"]), keys or "none needed"
        )
    out().print(table)


@cli.command()
def table(
    window: Annotated[str, typer.Option("--window", help="30d, 12h, 4w, or 2026-10-01..2026-11-01.")] = "30d",
    *,
    warmth: Annotated[Warmth, typer.Option("--connections", help="any, warm or cold.")] = "any",
    mode: Annotated[Mode | None, typer.Option("--mode", help="Only this mode.")] = None,
    category: Annotated[str | None, typer.Option("--category", help="Only prompts of this category.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Only endpoints in this region.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also p90 and p99.")] = False,
    as_json: Json = False,
) -> None:
    """What providers have been like lately: figures over every run of a window."""
    from arena.reports.summary import as_json as nested
    from arena.reports.windows import WINDOW_METRICS, Slice, parse_window, provider_summaries
    from arena.store.engine import open_database
    from harness.cli.tables import print_summary

    chosen = parse_window(window)
    with open_database(settings()).read() as connection:
        sliced = Slice(warmth, region, None if mode is None else mode.value, category)
        summaries = provider_summaries(connection, chosen, sliced, phases=as_json)
    if as_json:
        print_json({"from": chosen.start, "until": chosen.end, "endpoints": nested(summaries)})
        return
    if not summaries:
        out().print(f"nothing was measured from {chosen.text} with these filters; try a longer --window")
        return
    print_summary(out(), summaries, chosen.text, everything=everything, metrics=WINDOW_METRICS)


@cli.command()
def show(
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(help="An endpoint id; `arena endpoints ls` lists them.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the exact call, too; nothing is sent.")] = False,
    prompt: Annotated[str, typer.Option("--prompt", help="The prompt of the call.")] = "a red fox in the snow",
    mode: Annotated[Mode, typer.Option("--mode", help="t2i or edit.")] = Mode.TEXT_TO_IMAGE,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT in pixels.")] = "1024x1024",
    ratio: Annotated[
        str | None, typer.Option("--ratio", help="WIDTH:HEIGHT instead of a size, at --megapixels.")
    ] = None,
    megapixels: Annotated[
        float | None, typer.Option("--megapixels", help="With --ratio: megapixels of 2²⁰ pixels.", show_default="1")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0)] = 1,
    steps: Annotated[int | None, typer.Option("--steps", min=1)] = None,
    guidance: Annotated[float | None, typer.Option("--guidance", min=0)] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=10, help="Images in one call.")] = 1,
    image_format: Annotated[ImageFormat, typer.Option("--format")] = ImageFormat.PNG,
    delivery: Annotated[Delivery | None, typer.Option("--delivery")] = None,
    safety: Annotated[
        bool | None,
        typer.Option("--safety/--no-safety", help="The provider's own filter on or off.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how an endpoint takes each field of a request, its limits and prices; with --dry-run the exact call."""
    from arena.errors import ConfigError
    from harness.cli.endpoint_view import Told
    from harness.providers import adapter as adapter_of
    from harness.session import today

    if not dry_run and (given := _given(context, but={"endpoint", "as_json"})):
        raise ConfigError(f"{given} belongs to the call that --dry-run shows; add --dry-run")
    found = catalog()
    chosen, *more = found.select_endpoints([endpoint], "providers show")
    if more:
        raise ConfigError(f"{endpoint} stands for {len(more) + 1} endpoints; name one, such as {chosen.id}")
    adapter, card = adapter_of(chosen, found), found.prices().card(chosen.id, today())
    request = None
    if dry_run:
        fields = {
            "prompt": prompt, "mode": mode, "seed": seed, "steps": steps, "guidance": guidance, "n": n,
            "format": image_format, "delivery": delivery, "safety": safety,
        }  # fmt: skip
        request = _request(fields, size, ratio, megapixels)
    told = Told(adapter, chosen, card, request)
    if as_json:
        print_json(told.as_json())
    else:
        told.print()


@cli.command()
def check(
    endpoints: Annotated[list[str] | None, typer.Argument(help="Endpoint ids or patterns; default: all real.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Ask each endpoint's host a free question: does it answer, is the key good, may it use the model."""
    import anyio

    from harness.keys import KEYS
    from harness.probes import check as probe

    found = catalog()
    chosen = (
        found.select_endpoints(endpoints, "providers check")
        if endpoints
        else [e for e in found.endpoints().values() if not e.simulated]
    )
    results = anyio.run(probe, chosen, KEYS)
    if as_json:
        print_json(
            [
                {
                    "endpoint": r.endpoint.id,
                    "key_env": r.endpoint.key_env,
                    "key_set": r.key_set,
                    "verdict": r.verdict,
                    "says": r.says,
                    "round_trip_ms": r.round_trip_ms,
                }
                for r in results
            ]
        )
        return
    from rich.table import Table

    from arena.units import format_ms

    table = Table(pad_edge=False, header_style="bold")
    for column in ("endpoint", "verdict", "says", "round trip"):
        table.add_column(column)
    for r in results:
        table.add_row(r.endpoint.id, r.verdict, r.says, format_ms(r.round_trip_ms))
    out().print(table)


def _given(context: typer.Context, but: Collection[str]) -> str | None:
    """The first option that the command line has, as it was declared; None where there is none."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is not None and source.name == "COMMANDLINE" and option.name not in but:
            return option.opts[0]
    return None


def _request(fields: dict[str, Any], size: str, ratio: str | None, megapixels: float | None) -> GenerationRequest:
    """The request of the options; an edit gets the first shipped input image."""
    from arena.catalog import parse
    from arena.domain.plan import RequestTemplate
    from arena.domain.request import GenerationRequest
    from arena.errors import ConfigError
    from harness.plan import source_image

    if megapixels is not None and ratio is None:
        raise ConfigError("--megapixels goes with --ratio; a --size has its pixels already")
    wanted = {"aspect_ratio": ratio, "megapixels": 1.0 if megapixels is None else megapixels}
    template = parse(RequestTemplate, wanted if ratio else {"size": size}, "providers show")
    if fields["mode"] is Mode.EDIT:
        found = catalog()
        name = next(n for s in found.prompt_sets().values() for p in s.prompts for n in p.sources)
        fields["images"] = (source_image(found, name),)
    sized = {"size": template.pixel_size, "size_from": "ratio" if ratio else "size"}
    named = {"aspect_ratio": template.aspect_ratio, "megapixels": template.megapixels} if ratio else {}
    return parse(GenerationRequest, {**fields, **sized, **named}, "providers show")
