"""EmpirioLabs' images, held: https://docs.empiriolabs.ai/models/flux-2-klein-4b"""

from arena.domain.failure import FailureKind
from tests.contracts.case import IMAGE_URL, PNG, Case, Reply
from tests.contracts.cases.empiriolabs import CASE as JOBS
from tests.contracts.cases.empiriolabs import refused


def answer(**entry):
    """The images, as OpenAI's clients read them."""
    return Reply({"created": 1, "model": "flux-2-klein-4b", "data": [entry]})


CASE = Case(
    protocol="empiriolabs",
    inline=answer(b64_json=PNG),
    address=answer(url=IMAGE_URL),
    moderated=((refused(400, "content_policy_violation"), FailureKind.MODERATED_INPUT),),
    failures=tuple(told for told in JOBS.failures if told[0].status >= 300),
    options={"sync": True},
    endpoint=JOBS.endpoint,
)
