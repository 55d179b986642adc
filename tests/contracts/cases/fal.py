"""fal called directly, after the schema of FLUX.2 [klein] 4B and fal's pages on errors: https://docs.fal.ai/model-apis"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply

UNITS = {"x-fal-request-id": "7f1c0e52-93c1-4d3f-a6a8-8f3f2f1f0a11", "x-fal-billable-units": "1.048576"}


def output(url, nsfw=False):
    """A result as the endpoint has it."""
    image = {"url": url, "width": 512, "height": 768, "content_type": "image/png", "file_name": None, "file_size": None}
    return {
        "images": [image],
        "timings": {"inference": 0.4217},
        "seed": 7,
        "has_nsfw_concepts": [nsfw],
        "prompt": "a cat",
    }


def problem(kind, where=("body", "prompt"), **more):
    """A model's refusal: a list of typed problems."""
    entry = {
        "loc": list(where),
        "msg": f"refused for {kind}",
        "type": kind,
        "url": f"https://docs.fal.ai/errors#{kind}",
        "input": "…",
    }
    return {"detail": [{**entry, **more}]}


def platform_error(kind, words="the platform gave up"):
    """An error of the platform: a text, and a type that is a header, too."""
    return {"body": {"detail": words, "error_type": kind}, "headers": {"x-fal-error-type": kind}}


MODERATED = (
    (Reply(problem("content_policy_violation"), 422, UNITS), FailureKind.MODERATED_INPUT),
    (Reply(output(IMAGE_URL, nsfw=True), 200, UNITS), FailureKind.MODERATED_OUTPUT),
)
FAILURES = (
    (Reply({"detail": "User is locked. Reason: Exhausted balance."}, 403), FailureKind.PAYMENT),
    (Reply({"detail": "User is locked. Reason: TOP_UP."}, 403), FailureKind.PAYMENT),
    (Reply({"detail": "Access to this application is blocked"}, 403), FailureKind.AUTH),
    (Reply({"detail": "No such key"}, 401), FailureKind.AUTH),
    (Reply({"detail": "Path /klein/4c not found"}, 404), FailureKind.NOT_FOUND),
    (Reply(problem("greater_than_equal", ("body", "num_inference_steps"), ctx={"ge": 4}), 422),
     FailureKind.INVALID_REQUEST),
    (Reply(problem("image_too_large", ("body", "image_urls", 0)), 422), FailureKind.INVALID_REQUEST),
    (Reply(problem("no_media_generated", ("body",)), 422), FailureKind.PROVIDER_ERROR),
    (Reply(problem("generation_timeout", ("body",)), 504), FailureKind.PROVIDER_ERROR),
    (Reply(status=504, **platform_error("request_timeout")), FailureKind.TIMEOUT_START),
    (Reply(status=504, **platform_error("startup_timeout")), FailureKind.TIMEOUT_START),
    (Reply(status=503, **platform_error("runner_scheduling_failure")), FailureKind.CAPACITY),
    (Reply(status=503, **platform_error("runner_disconnected")), FailureKind.PROVIDER_ERROR),
    (Reply(status=502, **platform_error("runner_incomplete_response")), FailureKind.PROVIDER_ERROR),
    (Reply(status=500, **platform_error("internal_error")), FailureKind.PROVIDER_ERROR),
    (Reply(status=499, **platform_error("client_cancelled")), FailureKind.CANCELED),
    (Reply(status=400, **platform_error("bad_request")), FailureKind.INVALID_REQUEST),
    (Reply(b"", 503, {"x-fal-error-type": "runner_connection_refused"}), FailureKind.PROVIDER_ERROR),
    (Reply({**output(IMAGE_URL), "images": []}), FailureKind.BAD_RESPONSE),
)  # fmt: skip
MODEL = "fal-ai/flux-2/klein/4b"

CASE = Case(
    protocol="fal",
    inline=Reply(output(f"data:image/png;base64,{PNG}"), 200, UNITS),
    address=Reply(output(IMAGE_URL), 200, UNITS),
    moderated=MODERATED,
    failures=FAILURES,
    endpoint={"model": MODEL, "modes": ["t2i", "edit"], "key_hosts": ["api.fal.ai"]},
    base_url="https://lab.example",
)
