"""What an operator can do wrong, as exceptions; what a remote does to us is a value instead.

ArenaError                 one sentence: what to change and where
├── ConfigError            a plan, prompt, endpoint, price or setting that cannot be used      exit 2
│   ├── UnknownNameError   a name that is not there; says the nearest that is                  exit 2
│   └── MissingKeyError    a credential that is not set; names the variable                    exit 2
├── BudgetError            the budget does not pay for a single call                           exit 2
├── StoreError             the database or the image directory cannot be used                  exit 2
├── BallotError            a vote that cannot be counted                                       shown to the voter
│   └── TooEarlyError      nobody can have looked yet; the pair stays                          shown to the voter
└── RunBusyError           another process holds the run                                       exit 2
"""

import difflib
from collections.abc import Iterable


class ArenaError(Exception):
    """Base of every error that is reported to the operator as one sentence, without a traceback."""


class ConfigError(ArenaError):
    """Something the operator wrote cannot be used as it stands."""


class UnknownNameError(ConfigError):
    """A name that does not exist where it was looked up."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"{where}: there is no {kind} {name!r}{nearest(name, known)}")


class MissingKeyError(ConfigError):
    """An endpoint needs a credential and its environment variable is empty."""

    def __init__(self, endpoint_ids: Iterable[str], variable: str) -> None:
        self.variable = variable
        names = ", ".join(sorted(endpoint_ids))
        told = f"set the environment variable {variable}, or `arena keys set {variable}`"
        super().__init__(f"{names}: the key is missing; {told}")


class BudgetError(ArenaError):
    """The budget is too small for a single call, or a cost that it needs is unknown."""


class StoreError(ArenaError):
    """The database or the image directory cannot be opened, read or written."""


class BallotError(ArenaError):
    """A vote that is too early, too late, not the voter's own, or one too many."""


class TooEarlyError(BallotError):
    """A vote before anybody can have looked at both images; the pair stays open."""


class RunBusyError(ArenaError):
    """A run is being executed by another process that still gives signs of life."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that says which known name `name` was probably meant to be."""
    names = sorted(set(known))
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if match:
        return f"; did you mean {match[0]!r}?"
    if names and len(names) <= 12:
        return f"; known are {', '.join(names)}"
    return ""
