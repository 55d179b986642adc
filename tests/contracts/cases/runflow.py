"""Runflow's runs, after its pages and what its own clients read: https://docs.runflow.io/concepts/runs"""

from arena.domain.failure import FailureKind
from tests.contracts.case import BASE_URL, IMAGE_URL, PNG, Case, Reply

MODEL = "black-forest-labs/flux-2-klein-4b"
RUN_ID = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
ADDRESS = f"{BASE_URL}/runs/{RUN_ID}"
QUEUED = {
    "id": RUN_ID,
    "model_id": "5d2f3a60-6f0a-4f5e-8a53-7d0c1b0f9a11",
    "target_type": "model",
    "status_code": "queued",
    "source_code": "api",
    "input": {"prompt": "a cat"},
    "output": None,
    "duration_ms": None,
    "cost": None,
    "cost_breakdown": None,
    "request_id": "req_1",
    "created_at": "2026-11-02T10:00:00.100000Z",
    "started_at": None,
    "completed_at": None,
    "links": {},
    "failure_code": None,
    "failure_message": None,
    "failure_stage_code": None,
}
RUNNING = {**QUEUED, "status_code": "running", "started_at": "2026-11-02T10:00:00.350000Z"}
OUTPUT = {"outputs": [{"url": IMAGE_URL, "type": "image"}], "seed": 7, "timing": None, "nsfw_detected": None}
SUCCEEDED = {
    **RUNNING,
    "status_code": "succeeded",
    "output": OUTPUT,
    "duration_ms": 640,
    "cost": "0.005000",
    "completed_at": "2026-11-02T10:00:01.100000Z",
}


def failed(code=None, message=None, stage=None, **changes):
    """A run that came to nothing."""
    told = {"failure_code": code, "failure_message": message, "failure_stage_code": stage}
    return Reply({**RUNNING, "status_code": "failed", **told, **changes})


def refused(status, code, message="no"):
    """A call that was."""
    return Reply({"code": code, "message": message, "errors": None}, status)


CASE = Case(
    protocol="runflow",
    pending=(Reply(QUEUED, 201), Reply(RUNNING)),
    inline=Reply({**SUCCEEDED, "output": {"images": [{"url": f"data:image/png;base64,{PNG}"}]}}),
    address=Reply(SUCCEEDED),
    moderated=(
        (failed("CONTENT_MODERATED", "no", "preprocess"), FailureKind.MODERATED_INPUT),
        (failed("CONTENT_MODERATED", "no", "postprocess"), FailureKind.MODERATED_OUTPUT),
        (failed("PROVIDER_ERROR", "NSFW content detected"), FailureKind.MODERATED_OUTPUT),
        (Reply({**SUCCEEDED, "output": {**OUTPUT, "nsfw_detected": True}}), FailureKind.MODERATED_OUTPUT),
    ),
    failures=(
        (failed("INPUT_VALIDATION_FAILED", "image dimensions exceed 4096x4096"), FailureKind.INVALID_REQUEST),
        (failed("MODEL_UNAVAILABLE"), FailureKind.CAPACITY),
        (failed("INSUFFICIENT_CREDIT"), FailureKind.PAYMENT),
        (failed("DISPATCH_TIMEOUT", stage="dispatch", started_at=None), FailureKind.TIMEOUT_START),
        (failed("EXECUTION_TIMEOUT"), FailureKind.PROVIDER_ERROR),
        (failed(), FailureKind.PROVIDER_ERROR),
        (failed(status_code="canceled"), FailureKind.CANCELED),
        (failed(status_code="cancelled"), FailureKind.CANCELED),
        (refused(402, "INSUFFICIENT_CREDIT"), FailureKind.PAYMENT),
        (refused(403, "PERMISSION_DENIED"), FailureKind.AUTH),
        (refused(403, "EMAIL_NOT_VERIFIED"), FailureKind.AUTH),
        (refused(404, "RUN_NOT_FOUND"), FailureKind.PROVIDER_ERROR),
        (refused(429, "RATE_LIMITED"), FailureKind.RATE_LIMITED),
        (Reply({**SUCCEEDED, "output": {}}), FailureKind.BAD_RESPONSE),
    ),
    endpoint={"model": MODEL, "delivery": "url"},
)
