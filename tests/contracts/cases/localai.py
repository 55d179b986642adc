"""LocalAI, after its server's own types and its error reference: https://localai.io/reference/api-errors/"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply

NOTHING_USED = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def answer(entry):
    return Reply({"created": 1, "id": "5f1c", "data": [entry], "usage": NOTHING_USED})


def refused(status, message):
    return Reply({"error": {"code": status, "message": message, "type": ""}}, status)


CASE = Case(
    protocol="localai",
    inline=answer({"embedding": None, "index": 0, "b64_json": PNG}),
    address=answer({"embedding": None, "index": 0, "url": IMAGE_URL}),
    # It moderates nothing itself; this is a filter that was put in front of it.
    moderated=((refused(400, "The prompt was blocked by the safety filter."), FailureKind.MODERATED_INPUT),),
    failures=(
        (refused(401, "An authentication key is required"), FailureKind.AUTH),
        (refused(404, "model not found"), FailureKind.NOT_FOUND),
        (refused(500, "rpc error: code = Unknown desc = out of memory"), FailureKind.PROVIDER_ERROR),
    ),
)
