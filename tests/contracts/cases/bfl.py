"""Black Forest Labs' API, after its schema: https://api.bfl.ai/openapi.json"""

from arena.domain.failure import FailureKind
from tests.contracts.case import BASE_URL, IMAGE_URL, Case, Reply

TASK = "5f0d8f4e-7a0b-4c1e-9f57-6f1f0f3f1c11"
POLL_URL = f"{BASE_URL}/get_result?id={TASK}"
ACCEPTED = {"id": TASK, "polling_url": POLL_URL, "cost": 1.4, "input_mp": 0.0, "output_mp": 0.38}
RESULT = {
    "sample": IMAGE_URL,
    "prompt": "a cat",
    "seed": 7,
    "start_time": 1761000000.25,
    "end_time": 1761000001.0,
    "duration": 0.75,
}


def told(status, result=None, **fields):
    return {"id": TASK, "status": status, "result": result, "progress": None, "details": None, "preview": None} | fields


REASONS = {"Moderation Reasons": ["Derivative Works Filter"]}
CASE = Case(
    protocol="bfl",
    pending=(Reply(ACCEPTED), Reply(told("Pending", progress=0.4))),
    address=Reply(told("Ready", RESULT)),
    moderated=(
        (Reply(told("Request Moderated", details=REASONS)), FailureKind.MODERATED_INPUT),
        (Reply(told("Content Moderated", details=REASONS)), FailureKind.MODERATED_OUTPUT),
    ),
    failures=(
        (Reply(told("Error")), FailureKind.PROVIDER_ERROR),
        (Reply({"detail": "Insufficient credits"}, 402), FailureKind.PAYMENT),
        (Reply({"detail": "Not authenticated"}, 403), FailureKind.AUTH),
        (Reply({"detail": "Invalid API key format"}, 422), FailureKind.AUTH),
    ),
    kinds={(1, 404): None, (2, 404): None},
    endpoint={"model": "flux-2-klein-4b", "delivery": "url"},
)
