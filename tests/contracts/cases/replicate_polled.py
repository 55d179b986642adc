"""Replicate's predictions, submitted and then polled: https://replicate.com/docs/reference/http"""

from tests.contracts.case import Case, Reply
from tests.contracts.cases.replicate import CASE as HELD
from tests.contracts.cases.replicate import FAILURES, MODERATED, PROCESSING, STARTING, SUCCEEDED

CASE = Case(
    protocol="replicate",
    pending=(Reply(STARTING, 201), Reply(PROCESSING)),
    address=Reply(SUCCEEDED),
    moderated=tuple((Reply(reply.body), kind) for reply, kind in MODERATED),
    failures=tuple((Reply(reply.body), kind) for reply, kind in FAILURES),
    endpoint=HELD.endpoint,
    options={**HELD.options, "hold_s": 0},
)
