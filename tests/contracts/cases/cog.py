"""cog's HTTP API, as its own server answers: https://cog.run/http/"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply

CASE = Case(
    protocol="cog",
    inline=Reply(
        {
            "id": "p1",
            "status": "succeeded",
            "output": [f"data:image/png;base64,{PNG}"],
            "metrics": {"predict_time": 1.5},
        }
    ),
    address=Reply({"status": "succeeded", "output": IMAGE_URL}),
    moderated=(
        (
            Reply({"status": "failed", "error": "Prediction failed: NSFW content detected"}),
            FailureKind.MODERATED_OUTPUT,
        ),
    ),
    failures=(
        (Reply({"status": "failed", "error": "Prediction failed: CUDA out of memory"}), FailureKind.PROVIDER_ERROR),
        (Reply({"status": "canceled"}), FailureKind.CANCELED),
        (Reply({"error": "Already running a prediction", "status": "failed"}, 409), FailureKind.CAPACITY),
    ),
)
