"""`arena prompts`: the prompt sets, and a linter for one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.console import Json, catalog, out, print_json, say

cli = typer.Typer(name="prompts", help="List and lint prompts.", no_args_is_help=True)


@cli.command()
def ls(
    *,
    category: Annotated[str | None, typer.Option("--category", help="Only this category.")] = None,
    as_json: Json = False,
) -> None:
    """List every prompt of every set."""
    rows = [
        {
            "set": prompt_set.name,
            "id": prompt.id,
            "mode": prompt.mode.value,
            "category": prompt.category,
            "tags": list(prompt.tags),
            "clip_tokens": prompt.clip_tokens,
            "text": prompt.text,
        }
        for prompt_set in catalog().prompt_sets().values()
        for prompt in prompt_set.prompts
        if category is None or prompt.category == category
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(pad_edge=False, header_style="bold")
    for name in ("set", "id", "category", "tokens", "text"):
        table.add_column(
            name, justify="right" if name == "tokens" else "left", no_wrap=name in {"set", "id", "category"}
        )
    for row in rows:
        text = str(row["text"])
        short = text if len(text) <= 90 else text[:89] + "…"
        table.add_row(str(row["set"]), str(row["id"]), str(row["category"]), str(row["clip_tokens"]), short)
    out().print(table)


@cli.command()
def lint(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Prompt set files; all that are in use if none is named.")
    ] = None,
) -> None:
    """Check prompt sets; exit 2 with the first sentence that says what to change."""
    from harness.lint import lint_prompts

    found = catalog()
    notes, count = lint_prompts(found, files or found.prompt_files())
    for note in notes:
        say(f"note: {note}")
    typer.echo(f"{count} prompts are fine")
