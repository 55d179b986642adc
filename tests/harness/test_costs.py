"""What an attempt is reckoned to cost: by what was made, also where it went wrong, never less than may be billed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arena.domain.endpoint import Endpoint
from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import CallPurpose, CallRecord, CostSource, Outcome
from arena.domain.request import GenerationRequest
from arena.domain.timings import Timings
from arena.pricing import PriceCard
from arena.store.blobs import BlobStore
from harness.delivery import Delivery
from harness.providers import provider
from harness.providers.base import Done, ImageAddress, Job
from harness.receiver import spent_nano_usd
from harness.verify import verify
from tests.factories import make_endpoint
from tests.servers import png

PER_IMAGE = {"endpoint": "lab/one", "from_date": "2026-01-01", "source": "here", "confidence": "high"}
TIMES = {"ended_ns": 9, "accepted_ns": 1, "result_ns": 2, "result_end_ns": 3}


def delivered(*images, failure=None, size="64x64", n=1):
    request = GenerationRequest.model_validate({"prompt": "x", "size": size, "n": n})
    marks = {"first_image_byte_ns": 4, "last_image_byte_ns": 5} if images else {}
    done = Done(tuple(ImageAddress("https://x.example/i.png") for _ in images or (1,)))
    return Delivery(
        Job(make_endpoint(), request), datetime.now(UTC), Timings(**TIMES, **marks), payloads=images, done=done,
        failure=failure,
    )  # fmt: skip


def cost(delivery, tmp_path, **card):
    priced = PriceCard.model_validate({**PER_IMAGE, **card})
    outcome = verify(delivery, provider("openai"), BlobStore(tmp_path), priced)
    return outcome.cost and (outcome.cost.usd, outcome.cost.source)


def test_more_images_than_were_asked_for_are_charged(tmp_path):
    four = delivered(*(png(64, 64, (i, 0, 0)) for i in range(4)))
    assert cost(four, tmp_path, per_image_usd="0.0085") == (Decimal("0.0340"), CostSource.BOOK)


def test_an_image_is_charged_at_the_size_that_came(tmp_path):
    found = cost(delivered(png(128, 64)), tmp_path, per_mp_usd="1")
    assert found == (Decimal(128 * 64) / 1_000_000, CostSource.BOOK)


def test_an_image_that_could_not_be_fetched_was_made_and_is_charged(tmp_path):
    failure = Failure(kind=FailureKind.DOWNLOAD, message="403")
    assert cost(delivered(failure=failure), tmp_path, per_image_usd="0.01") == (Decimal("0.01"), CostSource.BOOK)


def test_another_encoding_than_asked_for_is_remarked(tmp_path):
    outcome = verify(delivered(png(image_format="JPEG")), provider("openai"), BlobStore(tmp_path), None)
    assert outcome.failure is None
    assert outcome.remarks == ("png was asked for, and jpeg came",)


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.AUTH, FailureKind.NOT_FOUND, FailureKind.DNS])
def test_what_fails_after_it_was_accepted_counts_in_full(kind):
    def ended(*statuses):
        calls = [
            CallRecord(purpose=purpose, method="POST", url="https://x.example/", http_status=status, started_ns=0,
                       ended_ns=1)
            for purpose, status in zip((CallPurpose.SUBMIT, CallPurpose.POLL), statuses, strict=False)
        ]  # fmt: skip
        failure = Failure(kind=kind, message="no")
        return Outcome(started_at=datetime.now(UTC), timings=Timings(ended_ns=1), failure=failure, calls=tuple(calls))

    assert spent_nano_usd(ended(429), 5_000_000) == 0
    assert spent_nano_usd(ended(200, 429), 5_000_000) == 5_000_000
    assert spent_nano_usd(ended(201, None), 5_000_000) == 5_000_000


def test_a_price_card_names_an_amount():
    with pytest.raises(ValueError, match="names no amount"):
        PriceCard.model_validate(PER_IMAGE)
    assert PriceCard.model_validate({**PER_IMAGE, "per_image_usd": 0}).per_image_usd == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "http://127.attacker.example/v1", "key_env": "K"}, "https only"),
        ({"base_url": "https://x.example:abc/v1"}, "valid address"),
        ({"base_url": "https://x.example/v1?a=1"}, "query"),
        ({"key_hosts": ["https://api.x.com"]}, "is no host"),
        ({"key_hosts": ["*"]}, "is no host"),
        ({"key_hosts": ["*.com"]}, "is no host"),
        ({"limits": {"min_steps": 8, "max_steps": 4}}, "`min_steps` is above `max_steps`"),
        ({"modes": ["edit"], "options": {"fields": {"images": ""}}}, "no edit can be asked for"),
    ],
)
def test_nonsense_about_an_endpoint_is_refused_in_a_sentence(changes, words):
    fields = {"id": "lab/one", "provider": "lab", "protocol": "openai", "model": "m", "base_url": "https://x.example"}
    with pytest.raises(ValueError, match=words):
        Endpoint.model_validate({**fields, **changes})
