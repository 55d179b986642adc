"""Units, their conversions and how they are written. Every name in the project says its unit."""

from decimal import Decimal, InvalidOperation

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NANO_USD_PER_USD = 1_000_000_000
MOST_USD = 1_000_000
"""No image costs more; a server that says so is not believed."""


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
    """`$0.0123`, with as many digits as a price per image needs; an unknown cost is a dash, never a zero."""
    if value_usd is None:
        return "–"
    value = float(value_usd)
    if value == 0:
        return "$0"
    if value >= 100:
        return f"${value:,.0f}"
    if value < 0.0001:
        return f"${value:.2g}" if value >= 1e-9 else "$0"
    return f"${value:.{2 if value >= 1 else 3 if value >= 0.1 else 4}f}"


def format_ms(value_ms: float | None) -> str:
    """`87 ms`, `1.24 s`: three significant digits are all that a latency figure carries."""
    if value_ms is None:
        return "–"
    if value_ms < 99.95:
        return f"{value_ms:.{2 if value_ms < 9.995 else 1}f} ms"
    return f"{value_ms:.0f} ms" if value_ms < 1000 else f"{value_ms / 1000:.2f} s"


def format_duration_s(value_s: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    seconds = round(value_s)
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
