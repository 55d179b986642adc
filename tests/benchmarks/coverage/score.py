"""How often intervals cover the truth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """Of `runs` runs, `shown` had an interval, and `covered` of those held the truth."""

    runs: int
    shown: int
    covered: int
    width: float

    @classmethod
    def of(cls, truth, figures):
        """From figures with or without an interval."""
        runs = shown = covered = 0
        width = 0.0
        for figure in figures:
            runs += 1
            if figure.low is not None:
                shown += 1
                covered += figure.low <= truth <= figure.high
                width += figure.high - figure.low
        return cls(runs, shown, covered, width / shown if shown else float("nan"))

    @property
    def rate(self):
        """Of those that were shown."""
        return self.covered / self.shown if self.shown else float("nan")

    def __str__(self):
        if not self.shown:
            return "withheld"
        return f"{self.rate:.1%}" + ("" if self.shown == self.runs else f" of {self.shown / self.runs:.0%}")
