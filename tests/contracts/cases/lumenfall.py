"""Lumenfall, after its documentation's examples: https://docs.lumenfall.ai/api-reference/images/edit"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply


def answer(entry):
    return Reply(
        {
            "created": 1702345678,
            "size": "512x768",
            "data": [{**entry, "revised_prompt": "a cat"}],
            "metadata": {
                "model": "flux.2-klein-4b",
                "executed_model": "fal/flux.2-klein-4b",
                "provider": "fal",
                "provider_name": "fal.ai",
                "cost": 0.00525,
                "cost_currency": "USD",
            },
        },
        headers={"x-lumenfall-provider": "fal", "x-lumenfall-request-id": "req_2m4j"},
    )


def refused(status, code, message="no"):
    return Reply({"error": {"message": message, "type": "error", "code": code}}, status)


CASE = Case(
    protocol="lumenfall",
    inline=answer({"b64_json": PNG}),
    address=answer({"url": IMAGE_URL}),
    moderated=(
        (refused(400, "CONTENT_POLICY_VIOLATION", "flagged: violence"), FailureKind.MODERATED_INPUT),
        (refused(502, "ALL_PROVIDERS_EXHAUSTED", "the prompt was flagged as unsafe"), FailureKind.MODERATED_INPUT),
        (refused(500, "UPSTREAM_ERROR", "NSFW content detected"), FailureKind.MODERATED_INPUT),
    ),
    failures=(
        (refused(401, "AUTHENTICATION_FAILED"), FailureKind.AUTH),
        (refused(402, "INSUFFICIENT_BALANCE"), FailureKind.PAYMENT),
        (refused(400, "INVALID_REQUEST"), FailureKind.INVALID_REQUEST),
        (refused(404, "MODEL_NOT_FOUND"), FailureKind.NOT_FOUND),
        (refused(404, "MODEL_DISABLED"), FailureKind.NOT_FOUND),
        (refused(429, "RATE_LIMITED"), FailureKind.RATE_LIMITED),
        (refused(502, "ALL_PROVIDERS_EXHAUSTED", "returned no image"), FailureKind.PROVIDER_ERROR),
        (refused(503, "UPSTREAM_ERROR", "overloaded"), FailureKind.CAPACITY),
    ),
    options={
        "fields": {"seed": "seed", "steps": "num_inference_steps", "safety": "enable_safety_checker"},
        "tiers": {
            "0.5K": {"1:1": "512x512", "2:3": "512x768"},
            "1K": {"1:1": "1024x1024", "2:3": "836x1254", "3:2": "1254x836", "16:9": "1365x768"},
        },
    },
    endpoint={"model": "fal/flux.2-klein-4b"},
    base_url="https://lab.example/openai/v1",
)
