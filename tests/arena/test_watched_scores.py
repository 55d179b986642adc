"""What machines say of images is watched as quality: in their unit, from what is worth knowing on, either way."""

from datetime import timedelta

import pytest

from arena.domain.score import Instrument, Score
from arena.domain.watch import Direction, Rules, Watchable
from arena.reports.watch import report
from arena.reports.watch_wording import change, figure, value
from arena.store import scores
from arena.store.watched_scores import machine_scores
from tests.watch_history import Day, noon, write_day, write_days

pytestmark = pytest.mark.slow

FIRST = noon(2026, 3, 1)
CLIP = Instrument(metric="clip_score", revision=1, title="CLIP score", unit="100·cos", better="higher", negligible=1.0,
                  tool="open_clip", model="ViT-B-32", weights_sha256="c" * 64)  # fmt: skip
NOISE = Instrument(metric="noise", revision=1, title="Noise", unit="levels", better=None, negligible=1.0, tool="pillow")
CONTRAST = Instrument(metric="contrast", revision=1, title="Contrast", unit="levels", better=None, tool="pillow")


def by_machine(database, now, **rules):
    with database.read() as connection:
        found = report(connection, now, Rules(**rules))
    return [i for i in found.incidents if i.figure is Watchable.QUALITY], found


def lower_from(day, by):
    return lambda i: Day(scores={"lab/one": -by}) if i >= day else None


def test_images_that_fit_their_prompts_less_are_an_incident_in_the_unit_of_the_score(database):
    now = write_days(database, FIRST, 34, lower_from(30, 2.5), scorer=CLIP)
    (worse,), found = by_machine(database, now)
    assert (worse.endpoint, worse.direction, worse.open) == ("lab/one", Direction.WORSE, True)
    assert abs((worse.since - (FIRST + timedelta(days=30)).date()).days) <= 1
    assert worse.change_low < -2.5 < worse.change_high
    assert worse.before - worse.now == pytest.approx(2.5, abs=0.7)
    assert figure(worse) == "quality by CLIP score · ViT-B-32 cccccccc"
    assert change(worse).startswith("-2.")
    assert change(worse).endswith(" 100·cos, worse") or " 100·cos (" in change(worse)
    assert value(worse, 31.25) == "31.25 100·cos"
    assert worse.command == "arena score show last"
    quality = {s.endpoint: s for s in found.series if s.figure is Watchable.QUALITY}
    assert quality["lab/two"].state == "quiet"
    assert (quality["lab/two"].by, quality["lab/two"].unit) == (worse.by, "100·cos")
    assert quality["lab/two"].noticeable == pytest.approx(1.0, rel=0.5)


def test_a_score_that_has_no_better_is_different_and_told(database):
    now = write_days(database, FIRST, 34, lower_from(30, 2.5), scorer=NOISE)
    (other,), _ = by_machine(database, now)
    assert other.direction is Direction.DIFFERENT
    assert "levels" in change(other)


def test_what_only_describes_an_image_is_not_watched_and_neither_is_what_is_not_asked_for(database):
    now = write_days(database, FIRST, 34, lower_from(30, 25), scorer=CONTRAST)
    assert by_machine(database, now)[0] == []
    write_days(database, FIRST + timedelta(hours=2), 34, lower_from(30, 25), scorer=CLIP, plan="other")
    assert by_machine(database, now)[0] != []
    assert by_machine(database, now, endpoints=("lab/two",))[0] == []
    assert by_machine(database, now, figures=("p50",))[0] == []


def test_quiet_days_are_quiet(database):
    now = write_days(database, FIRST, 60, scorer=CLIP)
    assert by_machine(database, now)[0] == []


def test_the_newest_score_of_an_image_counts_once(database):
    run = write_day(database, FIRST, scorer=CLIP, trials=4)
    with database.write() as connection:
        known = scores.shown_in(connection, run)
        number = next(iter(scores.instruments(connection)))
        again = [
            Score(image_sha256=one.sha256, prompt_id=one.prompt_id, prompt_sha256=one.prompt_sha256, value=90.0,
                  against="its prompt, corrected", tool_version="1", device="cpu")
            for one in known[:2]
        ]  # fmt: skip
        scores.write_scores(connection, [(number, one) for one in again], FIRST + timedelta(days=1))
    with database.read() as connection:
        frame = machine_scores(connection, FIRST - timedelta(days=1), FIRST + timedelta(days=1), [number])
        assert machine_scores(connection, FIRST + timedelta(days=1), FIRST + timedelta(days=2), [number]).empty
        assert machine_scores(connection, FIRST - timedelta(days=1), FIRST + timedelta(days=1), []).empty
    assert len(frame) == 8
    assert (frame["score"] == 90).sum() == 2
