"""A LiteLLM proxy, after its server: headers from its response-header reference, errors from its exceptions."""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply

HEADERS = {
    "x-litellm-call-id": "call-1",
    "x-litellm-model-id": "a1b2",
    "x-litellm-model-api-base": "http://10.0.0.7:8000/v1",
    "x-litellm-response-cost": "4e-05",
    "x-litellm-response-duration-ms": "812.4",
    "x-litellm-overhead-duration-ms": "3.9",
    "x-litellm-callback-duration-ms": "None",
    "x-litellm-attempted-retries": "0",
    "x-litellm-attempted-fallbacks": "0",
}


def answer(**entry):
    data = {"b64_json": None, "url": None, "revised_prompt": None, **entry}
    return Reply({"created": 1, "data": [data], "usage": {"total_tokens": 0}}, headers=HEADERS)


def refused(status, message, kind="None", code=None):
    error = {"message": message, "type": kind, "param": "None", "code": code or str(status)}
    return Reply({"error": error}, status)


CASE = Case(
    protocol="litellm",
    inline=answer(b64_json=PNG),
    address=answer(url=IMAGE_URL),
    moderated=(
        (refused(400, "litellm.ContentPolicyViolationError: no", code="content_policy_violation"),
         FailureKind.MODERATED_INPUT),
        (refused(400, "OpenAIException - Your request was rejected by the safety system"), FailureKind.MODERATED_INPUT),
    ),
    failures=(
        (refused(400, "Budget has been exceeded! Current cost: 2", "budget_exceeded"), FailureKind.PAYMENT),
        (refused(429, "Budget has been exceeded! Current cost: 2", "budget_exceeded"), FailureKind.PAYMENT),
        (refused(400, "Invalid model name passed in model=m-1."), FailureKind.NOT_FOUND),
        (refused(401, "Authentication Error, Invalid proxy server token passed", "auth_error"), FailureKind.AUTH),
        (refused(429, "litellm.RateLimitError: slow down"), FailureKind.RATE_LIMITED),
        (Reply({"detail": "Cannot specify both 'image' and 'image[]'"}, 422), FailureKind.INVALID_REQUEST),
    ),
)  # fmt: skip
