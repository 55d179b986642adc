"""Questions about a job that is under way: which of them are asked again, and when.

A submission is never made twice. A question costs nothing, and the job goes on while it goes wrong: the providers' own
clients ask again too (fal_client at 408, 429, 502 to 504 of its ingress and broken connections; replicate at 429, 503
and 504), so that whoever uses them gets the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import CallPurpose

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED_WAIT_S = 1.0
"""How long to wait where a refusal for the rate does not say how long."""
UNANSWERED_WAITS_S = (0.25, 0.5, 1.0)
"""How long to wait after the first, second and third question in a row that nobody answered; a fourth is the last."""
NOT_NOW = frozenset({408, 429, 502, 503, 504})
BROKEN = frozenset({FailureKind.CONNECT, FailureKind.CONNECT_TIMEOUT, FailureKind.NETWORK, FailureKind.PROTOCOL})


@dataclass(slots=True)
class Questions:
    """What became of the questions about one job."""

    refused: int = 0
    unanswered: int = 0
    unanswered_in_a_row: int = 0

    def answered(self) -> None:
        """A question was answered, whatever the answer."""
        self.unanswered_in_a_row = 0

    def wait_s(self, purpose: CallPurpose, failure: Failure, *, broke_off: bool, least_s: float) -> float | None:
        """Seconds until this question is asked again, `least_s` at least; None where its failure is the job's.

        `broke_off`: no complete answer came. How a job stands is asked as often as that is refused for the rate: the
        deadline of the trial ends it. A refused result may be what became of the job itself.
        """
        if failure.kind is FailureKind.RATE_LIMITED and purpose is CallPurpose.POLL:
            self.refused += 1
            return max(_told(failure, REFUSED_WAIT_S), least_s)
        unanswered = failure.kind in BROKEN if broke_off else failure.http_status in NOT_NOW
        if not unanswered or self.unanswered_in_a_row >= len(UNANSWERED_WAITS_S):
            return None
        wait_s = UNANSWERED_WAITS_S[self.unanswered_in_a_row]
        self.unanswered += 1
        self.unanswered_in_a_row += 1
        return max(_told(failure, wait_s), least_s)

    def remarks(self) -> Sequence[str]:
        """What is worth keeping beside an image that came in the end."""
        refused = f"refused {self.refused}× to say how the job stands, for the rate"
        unanswered = f"{self.unanswered}× no answer to a question about the job"
        return [text for text, times in ((refused, self.refused), (unanswered, self.unanswered)) if times]


def _told(failure: Failure, otherwise_s: float) -> float:
    return otherwise_s if failure.retry_after_s is None else failure.retry_after_s
