"""Units, their conversions and how they are written. Every name in the project says its unit."""

import math
from decimal import Decimal, InvalidOperation

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NANO_USD_PER_USD = 1_000_000_000
MOST_USD = 1_000_000
"""No image costs more; a server that says so is not believed."""
MOST_PERCENT_DIGITS = 6


def ms_from_ns(value_ns: int | None) -> float | None:
    """Milliseconds from nanoseconds; None stays None."""
    return None if value_ns is None else value_ns / NS_PER_MS


def ns_from_s(value_s: float) -> int:
    """Whole nanoseconds from seconds."""
    return round(value_s * NS_PER_S)


def nano_usd(value_usd: Decimal) -> int:
    """Whole nano-dollars, rounded up so that a stored cost is never below the true one."""
    return int((value_usd * NANO_USD_PER_USD).to_integral_value(rounding="ROUND_CEILING"))


def usd_from_nano(value_nano_usd: int | None) -> Decimal | None:
    """Dollars from whole nano-dollars; None stays None."""
    return None if value_nano_usd is None else Decimal(value_nano_usd) / NANO_USD_PER_USD


def parse_usd(text: object) -> Decimal | None:
    """Dollars from what a server or a person wrote, or None if that is no believable, non-negative number."""
    try:
        value = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= MOST_USD else None


def format_usd(value_usd: Decimal | float | None) -> str:
    """`$0.0123`, with three digits that count where it is less than a dollar, and cents at least where it is more.

    An unknown cost is a dash, never a zero.
    """
    if value_usd is None:
        return "–"
    value = float(value_usd)
    if abs(value) < 1e-9:
        return "$0"
    if value < 0:
        return f"-{format_usd(-value)}"
    if value >= 1:
        return f"${value:,.0f}" if value >= 100 else f"${value:.2f}"
    if value >= 0.01:
        return f"${value:.{3 if value >= 0.1 else 4}f}"
    whole, _, digits = f"{value:.{2 - math.floor(math.log10(value))}f}".partition(".")
    return f"${whole}.{digits.rstrip('0').ljust(4, '0')}"


def format_exact_usd(value_usd: Decimal) -> str:
    """A list price, of which nothing is rounded away: `$0.000236`."""
    rounded = format_usd(value_usd)
    return rounded if Decimal(rounded[1:].replace(",", "")) == value_usd else f"${value_usd.normalize():f}"


def format_percent(share: float, digits: int = 1) -> str:
    """`97.5 %`; what is less than all is never written as 100 %, nor what is more than nothing as 0 %."""
    return f"{percent(share, digits)} %"


def percent(share: float, digits: int = 1) -> str:
    """The number of `format_percent`: `97.5`, but `99.96` and not `100.0`."""
    some = 1e-9 < share < 1 - 1e-9
    while some and digits < MOST_PERCENT_DIGITS and float(f"{share * 100:.{digits}f}") in {0.0, 100.0}:
        digits += 1
    return f"{share * 100:.{digits}f}"


def format_ms(value_ms: float | None) -> str:
    """`87 ms`, `1.24 s`: three significant digits are all that a latency figure carries."""
    if value_ms is None:
        return "–"
    return f"{value_ms:.{ms_digits(value_ms)}f} ms" if value_ms < 1000 else f"{value_ms / 1000:.2f} s"


def ms_digits(value_ms: float) -> int:
    """How many decimals three significant digits of less than a second have, in milliseconds."""
    return 2 if value_ms < 9.995 else 1 if value_ms < 99.95 else 0


def format_duration_s(value_s: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    seconds = round(value_s)
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
