"""Jobs that never end, change their minds, or are somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arena.domain.failure import FailureKind as F
from harness.sim.hostile.case import IMAGE_PATH, SHORT_S, Case, answer, by_path, said
from harness.sim.hostile.pictures import picture

if TYPE_CHECKING:
    from harness.sim.hostile.case import Becomes, Handler, Visit

PNG = answer(picture(), content_type="image/png")
ACCEPTED = said({"id": "t1", "polling_url": "{own}/poll"})
PENDING = said({"id": "t1", "status": "Pending"})
READY = said({"id": "t1", "status": "Ready", "result": {"sample": f"{{own}}{IMAGE_PATH}.png"}})


def _polled(
    name: str,
    says: str,
    *polls: bytes,
    becomes: tuple[Becomes, ...],
    deadline_s: float = 30,
    accepted: bytes = ACCEPTED,
) -> Case:
    """A job whose questions are answered in turn, the last answer ever after."""
    handle = by_path({"/": accepted, "/poll": _in_turn(polls), IMAGE_PATH: PNG})
    return Case(name, says, becomes, handle, protocol="bfl", deadline_s=deadline_s)


def _in_turn(polls: tuple[bytes, ...]) -> Handler:
    async def handle(visit: Visit) -> None:
        await by_path({"/": polls[min(visit.number - 2, len(polls) - 1)]})(visit)

    return handle


async def _moving(visit: Visit) -> None:
    """Every answer names another address to ask at."""
    await visit.send(said({"id": "t1", "status": "Pending", "polling_url": f"{visit.places.own}/poll/{visit.number}"}))


CASES = (
    _polled("poll-good", "works, as a control", PENDING, READY, becomes=("ok",)),
    _polled("poll-for-ever", "is pending for ever", PENDING, becomes=(F.TIMEOUT,), deadline_s=SHORT_S),
    _polled(
        "poll-unknown-status",
        "is in a state that nobody knows, for ever",
        said({"id": "t1", "status": "Dreaming"}),
        becomes=(F.TIMEOUT, F.BAD_RESPONSE),
        deadline_s=SHORT_S,
    ),
    Case(
        "poll-moving",
        "names another address at every answer",
        (F.TIMEOUT,),
        by_path({"/": ACCEPTED, "/poll": _moving}),
        protocol="bfl",
        deadline_s=SHORT_S,
    ),
    _polled(
        "poll-never-found",
        "does not find what it accepted",
        said({"id": "t1", "status": "Task not found"}),
        becomes=(F.TIMEOUT, F.PROVIDER_ERROR),
        deadline_s=SHORT_S,
    ),
    _polled(
        "poll-flapping",
        "is ready, then pending, then failed: the first word counts",
        READY,
        PENDING,
        said({"id": "t1", "status": "Error"}),
        becomes=("ok",),
    ),
    _polled(
        "poll-backwards",
        "goes back from running to queued before it is ready",
        said({"id": "t1", "status": "Processing"}),
        said({"id": "t1", "status": "Queued"}),
        PENDING,
        READY,
        becomes=("ok",),
    ),
    _polled(
        "poll-failed", "fails once it was accepted", said({"id": "t1", "status": "Error"}), becomes=(F.PROVIDER_ERROR,)
    ),
    _polled("poll-500", "answers questions with 500", said({"detail": "boom"}, "500 No"), becomes=(F.PROVIDER_ERROR,)),
    _polled(
        "poll-year",
        "asks to be left alone for a year",
        said({"detail": "later"}, "429 No", [("Retry-After", "31536000")]),
        becomes=(F.RATE_LIMITED,),
    ),
    _polled(
        "poll-moment",
        "asks to be left alone for a moment, and is ready then",
        said({"detail": "later"}, "429 No", [("Retry-After", "1")]),
        READY,
        becomes=("ok",),
    ),
    _polled(
        "poll-unavailable",
        "has nobody to answer questions, and the image the third time",
        said({"detail": "no upstream"}, "503 No"),
        answer(b"<html>bad gateway</html>", "502 No", content_type="text/html"),
        READY,
        becomes=("ok",),
    ),
    _polled(
        "poll-unavailable-for-good",
        "has nobody to answer questions",
        said({"detail": "no upstream"}, "503 No"),
        becomes=(F.CAPACITY,),
    ),
    _polled(
        "poll-torn",
        "breaks off in its first answer to a question",
        answer(b'{"id": "t1", "sta', headers=[("Content-Length", "4000")]),
        READY,
        becomes=("ok",),
    ),
    _polled(
        "poll-redirect",
        "redirects questions, which carry the key, to another host",
        answer(b"", "302 Found", headers=[("Location", "{trap}/poll")]),
        becomes=(F.BAD_RESPONSE,),
    ),
    _polled(
        "poll-foreign-id",
        "answers about somebody else's job",
        said({"id": "t2", "status": "Ready", "result": {"sample": f"{{own}}{IMAGE_PATH}.png"}}),
        becomes=("ok",),
    ),
    _polled(
        "poll-ready-without",
        "is ready and has no image",
        said({"id": "t1", "status": "Ready", "result": None}),
        becomes=(F.BAD_RESPONSE,),
    ),
    _polled(
        "poll-html",
        "answers questions with a web page",
        answer(b"<html>hello</html>", content_type="text/html"),
        becomes=(F.BAD_RESPONSE,),
    ),
    _polled("id-always-the-same", "gives every job the same name", READY, becomes=("ok",)),
    _polled(
        "id-of-nonsense",
        "names its job with 100,000 characters of path",
        said({"id": "../" * 30_000, "status": "Ready", "result": {"sample": f"{{own}}{IMAGE_PATH}.png"}}),
        becomes=("ok",),
    ),
    _polled(
        "accepted-without-address",
        "accepts and does not say where to ask",
        READY,
        becomes=(F.BAD_RESPONSE,),
        accepted=said({"id": "t1"}),
    ),
)
