"""EmpirioLabs' jobs, after its pages: https://docs.empiriolabs.ai/api-reference/api-reference/jobs/retrieve-job"""

from arena.domain.failure import FailureKind
from tests.contracts.case import BASE_URL, IMAGE_URL, PNG, Case, Reply

JOB_ID = "job_1f0c"
ADDRESS = f"{BASE_URL}/jobs/{JOB_ID}"
QUEUED = {
    "job_id": JOB_ID,
    "status": "queued",
    "progress": 0.0,
    "created_at": "2026-11-02T10:00:00.100Z",
    "completed_at": None,
    "result": None,
    "error": None,
}
PROCESSING = {**QUEUED, "status": "processing", "progress": 0.4}
COMPLETED = {**PROCESSING, "status": "completed", "progress": 1.0, "completed_at": "2026-11-02T10:00:01.350Z"}


def completed(**entry):
    """A job with an image."""
    return {**COMPLETED, "result": {"data": [entry], "usage": {"billable_units": 1, "billing_unit": "image"}}}


def failed(code, message, status="failed"):
    """A job that came to nothing."""
    return Reply({**COMPLETED, "status": status, "error": {"code": code, "message": message}})


def refused(status, code):
    """A call that was."""
    return Reply({"error": {"message": "no", "type": "invalid_request_error", "code": code}}, status)


CASE = Case(
    protocol="empiriolabs",
    pending=(Reply(QUEUED, 202), Reply(PROCESSING)),
    inline=Reply(completed(b64_json=PNG)),
    address=Reply(completed(url=IMAGE_URL)),
    moderated=(
        (failed("content_policy_violation", "The prompt was refused."), FailureKind.MODERATED_INPUT),
        (failed("content_policy_violation", "The image was withheld."), FailureKind.MODERATED_OUTPUT),
        (failed("upstream_error", "NSFW content"), FailureKind.MODERATED_OUTPUT),
    ),
    failures=(
        (failed("upstream_error", "CUDA out of memory"), FailureKind.PROVIDER_ERROR),
        (failed("model_unavailable", "offline"), FailureKind.CAPACITY),
        (failed("insufficient_credits", "no money"), FailureKind.PAYMENT),
        (failed("x", "stopped", "cancelled"), FailureKind.CANCELED),
        (Reply({**COMPLETED, "status": "failed", "error": "just words"}), FailureKind.PROVIDER_ERROR),
        (Reply({**COMPLETED, "status": "failed"}), FailureKind.PROVIDER_ERROR),
        (Reply(COMPLETED), FailureKind.BAD_RESPONSE),
        (Reply({"job_id": JOB_ID}), FailureKind.BAD_RESPONSE),
        (refused(401, "invalid_api_key"), FailureKind.AUTH),
        (refused(402, "insufficient_credits"), FailureKind.PAYMENT),
        (refused(403, "insufficient_credits"), FailureKind.PAYMENT),
        (refused(429, "rate_limit_exceeded"), FailureKind.RATE_LIMITED),
        (refused(503, "model_unavailable"), FailureKind.CAPACITY),
    ),
    endpoint={"model": "flux-2-klein-4b", "delivery": "url"},
)
