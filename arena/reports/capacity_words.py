"""What a capacity search found, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.units import format_duration_s

if TYPE_CHECKING:
    from arena.reports.capacity import Capacity


def in_words(found: Capacity, wanted_repeats: int | None = None) -> list[str]:
    """What was found, what bounds it, and what it does not say, in sentences.

    `wanted_repeats` is how often the answer should have held, if that is known.
    """
    simulated = " (simulated)" if found.simulated else ""
    if found.holds is None:
        lines = [f"{found.endpoint}{simulated}: no rate was found at which {found.objective} holds"]
    else:
        lines = [f"{found.endpoint}{simulated} holds {found.objective} at {found.holds.rate_per_s:g} requests/s"]
        lines[0] += f", {times(found.holds.repeats)}, in steps of {format_duration_s(found.holds.seconds)}"
        lines[0] += f", n={found.holds.n}"
        if wanted_repeats is not None and found.holds.repeats < wanted_repeats:
            lines.append(f"not confirmed: it was to hold {times(wanted_repeats)}")
    if found.untold:
        lines.append(f"cannot be told at {', '.join(f'{r:g}/s' for r in found.untold)}: too few requests for so close")
    if found.fails is not None:
        lines.append(f"fails at {found.fails.rate_per_s:g}/s")
    elif found.points and not found.untold:
        lines.append("nothing higher was tried: it may hold more")
    if found.limited_by is not None:
        lines.append(f"what bounds it is {found.limited_by}")
    return lines


def times(count: int) -> str:
    """`once`, `2 of 2 times`."""
    return "once" if count == 1 else f"{count} of {count} times"
