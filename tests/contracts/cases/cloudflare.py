"""Cloudflare Workers AI: https://developers.cloudflare.com/workers-ai/models/flux-2-klein-4b/

The codes are those of https://developers.cloudflare.com/workers-ai/platform/errors/, the words of refused content those
that its users were told.
"""

from arena.domain.failure import FailureKind
from tests.contracts.case import PNG, Case, Reply

MODEL = "@cf/black-forest-labs/flux-2-klein-4b"
FLAGGED = "AiError: AiError: Your output has been flagged. Please choose another prompt / input image combination (1-2)"


def envelope(result, *errors):
    return {"result": result, "success": not errors, "errors": list(errors), "messages": []}


def refused(status, code, message):
    return Reply(envelope({}, {"message": message, "code": code}), status)


CASE = Case(
    protocol="cloudflare",
    inline=Reply(envelope({"image": PNG})),
    moderated=(
        (refused(400, 3030, "AiError: AiError: Input prompt contains NSFW content"), FailureKind.MODERATED_INPUT),
        (refused(200, 3030, "AiError: Input image contains NSFW content."), FailureKind.MODERATED_INPUT),
        (refused(400, 3030, FLAGGED), FailureKind.MODERATED_OUTPUT),
        (refused(200, 3030, "AiError: Output image contains NSFW content"), FailureKind.MODERATED_OUTPUT),
    ),
    failures=(
        (refused(400, 3030, "AiError: input tensor `image` is not present"), FailureKind.INVALID_REQUEST),
        (refused(400, 5007, "No such model x or task"), FailureKind.NOT_FOUND),
        (refused(404, 7003, "Could not route to /accounts/x"), FailureKind.NOT_FOUND),
        (refused(400, 9106, "Missing X-Auth-Key"), FailureKind.AUTH),
        (refused(401, 10000, "Authentication error"), FailureKind.AUTH),
        (refused(403, 5018, "The account is not allowed to access this model"), FailureKind.AUTH),
        (refused(403, 5035, "This model needs a paid plan"), FailureKind.PAYMENT),
        (refused(429, 3036, "You have used up your daily free allocation"), FailureKind.PAYMENT),
        (refused(429, 3040, "No more data centers to forward the request to"), FailureKind.CAPACITY),
        (refused(429, 971, "Please wait"), FailureKind.RATE_LIMITED),
        (refused(408, 3007, "Request timeout"), FailureKind.TIMEOUT_START),
        (refused(408, 3008, "Request was aborted"), FailureKind.CANCELED),
        (refused(413, 3006, "Request is too large"), FailureKind.INVALID_REQUEST),
        (refused(200, 1, "something else"), FailureKind.PROVIDER_ERROR),
        (Reply(envelope({"image": ""})), FailureKind.BAD_RESPONSE),
    ),
    endpoint={"model": MODEL},
    base_url="https://lab.example/client/v4/accounts/a1/ai",
)
