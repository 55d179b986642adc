"""Together AI's images API, after its schema: https://docs.together.ai/reference/post-images-generations"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply

NAME, MODEL = "oFg8TqP-zqrih-9a1c", "black-forest-labs/FLUX.2-dev"


def answer(**entry):
    return Reply({"id": NAME, "model": MODEL, "object": "list", "data": [{"index": 0, **entry}]})


def refused(status, kind, message="no", code=None):
    return Reply({"id": NAME, "error": {"message": message, "type": kind, "param": None, "code": code}}, status)


CASE = Case(
    protocol="together",
    inline=answer(type="b64_json", b64_json=PNG),
    address=answer(type="url", url=IMAGE_URL),
    moderated=(
        (refused(422, "invalid_request_error", "NSFW content detected in the prompt"), FailureKind.MODERATED_INPUT),
        (refused(422, "invalid_request_error", "refused", "nsfw_content"), FailureKind.MODERATED_INPUT),
    ),
    failures=(
        (refused(429, "dynamic_request_limited"), FailureKind.RATE_LIMITED),
        (refused(402, "credit_limit"), FailureKind.PAYMENT),
        (refused(422, "invalid_request_error", "steps must be at most 50"), FailureKind.INVALID_REQUEST),
        (refused(503, "service_unavailable"), FailureKind.CAPACITY),
    ),
    endpoint={"model": MODEL},
)
