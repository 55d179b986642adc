"""fal's queue, after its pages and what the official client exchanges: https://docs.fal.ai/model-apis"""

from tests.contracts.case import Case, Reply
from tests.contracts.cases.fal import CASE as DIRECT

REQUEST_ID = "764cabcf-b745-4b3e-ae38-1200304cf45b"
REQUEST_URL = f"https://lab.example/fal-ai/flux-2/requests/{REQUEST_ID}"
ADDRESSES = {
    "request_id": REQUEST_ID,
    "response_url": REQUEST_URL,
    "status_url": f"{REQUEST_URL}/status",
    "cancel_url": f"{REQUEST_URL}/cancel",
}
IN_QUEUE = Reply({"status": "IN_QUEUE", "queue_position": 0, "logs": None, "metrics": {}, **ADDRESSES})

CASE = Case(
    protocol="fal-queue",
    pending=(
        IN_QUEUE,
        Reply(IN_QUEUE.body, 202),
        Reply({"status": "IN_PROGRESS", "logs": None, **ADDRESSES}, 202),
        Reply({"status": "COMPLETED", "logs": None, "metrics": {"inference_time": 0.612}, **ADDRESSES}),
    ),
    inline=DIRECT.inline,
    address=DIRECT.address,
    moderated=DIRECT.moderated,
    failures=DIRECT.failures,
    endpoint=DIRECT.endpoint,
    base_url=DIRECT.base_url,
)
