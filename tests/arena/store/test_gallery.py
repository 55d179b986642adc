"""The gallery's pages: complete, in order, never mixed, and led to by an index."""

import pytest
import sqlalchemy as sa

from arena.domain.request import ImageFormat
from arena.store import attempts, gallery, runs, screening
from arena.store.gallery import Wanted
from tests.factories import make_artifact, make_endpoint, make_plan, make_prompt, make_run, make_trial, succeeded

ENDPOINTS, PROMPTS = ("lab/one", "lab/two"), ("a-cat", "a-dog")


@pytest.fixture
def filled(any_database):
    """Two runs, one simulated and one real, of two endpoints and two prompts, three images each."""
    for number, simulated in enumerate((True, False)):
        add_run(any_database, f"20260101-00000{number}-runs", simulated=simulated)
    return any_database


def add_run(database, run_id, *, simulated, repetitions=3, **changes):
    plan = make_plan(endpoints=ENDPOINTS, repetitions=repetitions, **changes)
    cells = [(e, p, r) for r in range(repetitions) for p in PROMPTS for e in ENDPOINTS]
    trials = [make_trial(i, e, p, r) for i, (e, p, r) in enumerate(cells)]
    with database.write() as connection:
        stored = runs.create_run(
            connection, make_run(plan, run_id, simulated=simulated),
            [(make_endpoint(e, simulated=simulated), None) for e in ENDPOINTS], trials,
            {p: make_prompt(p) for p in PROMPTS}, "host:1:1",
        )  # fmt: skip
        for entry in stored:
            attempt = attempts.write_intent(connection, entry.id, 1, simulated=simulated)
            image = make_artifact(f"{run_id[-6]}{entry.trial.seq:063x}", format=ImageFormat.PNG)
            attempts.write_outcome(connection, attempt, succeeded(images=(image,), simulated=simulated))


def walked(connection, wanted, most=5):
    """All pages, one after the other."""
    found, page = [], gallery.shots(connection, wanted, most)
    while page:
        found += page
        page = gallery.shots(connection, wanted, most, page[-1].place)
    return found


@pytest.mark.parametrize(
    "narrow",
    [{}, {"prompt_id": "a-dog"}, {"endpoint_id": "lab/two"}, {"run_id": "20260101-000001-runs"},
     {"prompt_id": "a-cat", "endpoint_id": "lab/one"}, {"category": "photographs"}],
)  # fmt: skip
@pytest.mark.parametrize("simulated", [True, False])
def test_pages_hold_every_image_once_newest_first_and_of_one_kind(filled, narrow, simulated):
    with filled.read() as connection:
        found = walked(connection, Wanted(simulated, **narrow))
        back = gallery.newer(connection, Wanted(simulated, **narrow), 5, found[-1].place) if len(found) > 5 else []
    fits = [
        s for s in found
        if narrow.get("prompt_id") in {None, s.prompt_id} and narrow.get("endpoint_id") in {None, s.endpoint}
    ]  # fmt: skip
    whole = 0 if narrow.get("run_id") and simulated else 12
    expected = whole // (2 if "prompt_id" in narrow else 1) // (2 if "endpoint_id" in narrow else 1)
    assert len({s.sha256 for s in found}) == len(found) == expected
    assert fits == found
    assert {s.simulated for s in found} <= {simulated}
    assert [s.place.trial_id for s in found] == sorted((s.place.trial_id for s in found), reverse=True)
    assert back == found[-6:-1] if back else len(found) <= 5


def test_a_category_of_which_there_is_nothing_is_empty(filled):
    with filled.read() as connection:
        assert gallery.shots(connection, Wanted(simulated=False, category="people"), 5) == []


def test_an_image_tells_what_was_asked_for_and_that_it_is_kept_out(filled):
    with filled.read() as connection:
        newest = gallery.shots(connection, Wanted(simulated=False), 1)[0]
    assert (newest.requested, newest.width_px, newest.seed, newest.cost_usd) == ((64, 64), 64, 1, pytest.approx(0.01))
    assert newest.kept_out is None
    assert not newest.screened
    with filled.write() as connection:
        screening.keep_out(connection, {newest.sha256: "blank: one colour"}, newest.started_at)
        screening.write_screened(connection, {newest.sha256: b""}, "1", newest.started_at)
    with filled.read() as connection:
        again = gallery.shot(connection, newest.place.attempt_id, 0)
    assert (again.kept_out, again.screened) == ("blank: one colour", True)


def test_what_there_is_to_choose_from(filled):
    with filled.read() as connection:
        assert gallery.kinds(connection) == [False, True]
        assert gallery.prompts_known(connection) == [("a-cat", "photographs"), ("a-dog", "photographs")]
        assert gallery.endpoints_known(connection, simulated=True) == ["lab/one", "lab/two"]
        assert gallery.image_counts(connection, ["a-cat"], simulated=True) == {"a-cat": 6}


def test_images_of_runs_that_do_not_count_are_shown_and_counted_for_no_competition(filled):
    add_run(filled, "20260101-000002-runs", simulated=False, purpose="playground")
    with filled.read() as connection:
        newest = gallery.shots(connection, Wanted(simulated=False), 1)[0]
        counts = gallery.image_counts(connection, list(PROMPTS), simulated=False)
    assert newest.purpose == "playground"
    assert counts == {"a-cat": 6, "a-dog": 6}


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(simulated=False), "ix_attempt_simulated_id"),
        (Wanted(simulated=False, prompt_id="a-cat"), "ix_trial_prompt_id_id"),
        (Wanted(simulated=False, endpoint_id="lab/one"), "ix_trial_endpoint_id_id"),
        (Wanted(simulated=False, prompt_id="a-cat", endpoint_id="lab/one"), "ix_trial_prompt_id_id"),
    ],
)
def test_a_page_is_found_by_an_index_and_not_sorted(database, wanted, index):
    query = gallery._query(wanted).order_by(*(c.desc() for c in gallery._order(wanted))).limit(12)
    with database.read() as connection:
        text = str(query.compile(connection.engine, compile_kwargs={"literal_binds": True}))
        steps = [row[3] for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
    assert index in steps[0]
    assert not any(step.startswith("SCAN") for step in steps)
    assert not any("TEMP B-TREE FOR ORDER BY" in step and "LAST" not in step for step in steps)
