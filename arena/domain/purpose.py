"""What a run was made for, which decides where its results count."""

from __future__ import annotations

from enum import StrEnum


class RunPurpose(StrEnum):
    """`measurement`: to compare endpoints. `capacity` and `behaviour`: to answer one question about an endpoint.
    `playground`: to look at one prompt.
    """

    MEASUREMENT = "measurement"
    CAPACITY = "capacity"
    BEHAVIOUR = "behaviour"
    PLAYGROUND = "playground"

    @property
    def counts(self) -> bool:
        """Whether its images meet in battles and its figures stand for a provider.

        A capacity search overloads an endpoint on purpose, a look at behaviour asks the same again and again, and
        what is typed into the playground is no sample of anything.
        """
        return self is RunPurpose.MEASUREMENT


COUNTING = tuple(purpose for purpose in RunPurpose if purpose.counts)
"""The purposes whose runs enter the battle pool and the figures of a provider over a window."""
