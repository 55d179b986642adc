"""Replicate's predictions, held open: https://replicate.com/docs/reference/http"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply

MODEL = "black-forest-labs/flux-2-klein-4b"
ADDRESS = "https://lab.example/v1/predictions/p1"
STARTING = {
    "id": "p1",
    "model": MODEL,
    "version": "hidden",
    "input": {"prompt": "a cat", "seed": 7},
    "logs": "",
    "output": None,
    "data_removed": False,
    "error": None,
    "source": "api",
    "status": "starting",
    "created_at": "2026-11-02T10:00:00.100Z",
    "urls": {
        "get": ADDRESS,
        "cancel": f"{ADDRESS}/cancel",
        "web": "https://lab.example/p/p1",
        "stream": "https://lab.example/stream/p1",
    },
}
PROCESSING = {**STARTING, "status": "processing", "started_at": "2026-11-02T10:00:00.350Z"}
SUCCEEDED = {
    **PROCESSING,
    "status": "succeeded",
    "output": [IMAGE_URL],
    "logs": "Using seed: 7\n",
    "metrics": {"predict_time": 0.61, "total_time": 1.02},
    "completed_at": "2026-11-02T10:00:01.120Z",
}


def ended(status, error=None):
    """A prediction that came to nothing."""
    return Reply({**PROCESSING, "status": status, "error": error, "completed_at": "2026-11-02T10:00:01Z"}, 201)


MODERATED = (
    (ended("failed", "NSFW content detected. Try another prompt."), FailureKind.MODERATED_OUTPUT),
    (ended("failed", "The input or output was flagged as sensitive. (E005)"), FailureKind.MODERATED_OUTPUT),
)
FAILURES = (
    (ended("failed", "CUDA out of memory"), FailureKind.PROVIDER_ERROR),
    (ended("failed", "Director: timeout starting prediction (E6716)"), FailureKind.TIMEOUT_START),
    (ended("failed"), FailureKind.PROVIDER_ERROR),
    (ended("canceled"), FailureKind.CANCELED),
    (ended("aborted"), FailureKind.TIMEOUT_START),
    (Reply({**SUCCEEDED, "output": None}), FailureKind.BAD_RESPONSE),
    (Reply({**SUCCEEDED, "output": []}), FailureKind.BAD_RESPONSE),
)

CASE = Case(
    protocol="replicate",
    inline=Reply({**SUCCEEDED, "output": [f"data:image/png;base64,{PNG}"]}, 201),
    address=Reply(SUCCEEDED, 201),
    moderated=MODERATED,
    failures=FAILURES,
    endpoint={"model": MODEL},
    # A list with an entry for the size that the suite asks for, 512x768.
    options={"megapixels": ["0.25", "0.375", "1"]},
)
