"""SGLang-diffusion, after the models of its server: ImageResponse, and FastAPI's errors."""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply


def answer(**entry):
    data = {"b64_json": None, "url": None, "revised_prompt": "a cat", "file_path": None, **entry}
    return Reply({"id": "img-1", "created": 1, "data": [data], "peak_memory_mb": 9000.5, "inference_time_s": 0.42})


CASE = Case(
    protocol="sglang",
    inline=answer(b64_json=PNG),
    address=answer(url=IMAGE_URL),
    # It moderates nothing itself; this is a filter that was put in front of it.
    moderated=((Reply({"detail": "The prompt was blocked by the safety filter."}, 400), FailureKind.MODERATED_INPUT),),
    failures=(
        (Reply({"detail": "response_format='url' requires cloud storage to be configured."}, 400),
         FailureKind.INVALID_REQUEST),
        (Reply({"detail": "Field 'image' or 'url' is required"}, 422), FailureKind.INVALID_REQUEST),
        (Reply({"detail": "Failed to generate output"}, 500), FailureKind.PROVIDER_ERROR),
    ),
)  # fmt: skip
