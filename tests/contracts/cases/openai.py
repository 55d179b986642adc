"""OpenAI's images API, after the official client: https://platform.openai.com/docs/api-reference/images"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply


def refused(code):
    return Reply({"error": {"message": "no", "type": "image_generation_user_error", "code": code}}, 400)


CASE = Case(
    protocol="openai",
    inline=Reply({"created": 1, "data": [{"b64_json": PNG}]}),
    address=Reply({"created": 1, "data": [{"url": IMAGE_URL}]}),
    moderated=(
        (refused("moderation_blocked"), FailureKind.MODERATED_INPUT),
        (refused("content_policy_violation"), FailureKind.MODERATED_INPUT),
    ),
    failures=(
        (
            Reply({"error": {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}}, 429),
            FailureKind.PAYMENT,
        ),
    ),
    options={"fields": {"seed": "seed", "steps": "num_inference_steps", "guidance": "guidance_scale"}},
)
