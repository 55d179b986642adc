"""A database with everything in it that an export must bring back, and a second, empty one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from arena.domain.artifact import Glimpse
from arena.domain.battle import Battle, Cell, Entry, Purpose, Rule, Verdict, Vote, VoterKind
from arena.domain.check import Ruler, Ruling
from arena.domain.failure import FailureKind
from arena.domain.outcome import CallPurpose, CallRecord
from arena.domain.run import RunStatus
from arena.pricing import PriceCard
from arena.reports import competitions
from arena.reports.exports.jobs import Job, run, run_since_last
from arena.reports.exports.tables import TABLES
from arena.reports.exports.writers import FileFormat
from arena.reports.leaderboard import Board, leaderboard
from arena.reports.summary import as_json, summarize
from arena.settings import Settings
from arena.store import attempts, battles, contenders, queries, runs
from arena.store.checks import declare_gold
from arena.store.engine import open_database
from arena.store.exchange.columns import Scope
from arena.store.rulings import rule
from arena.store.screening import rule_on_image
from tests.factories import failed, make_artifact, make_endpoint, make_prompt, make_run, make_trial, succeeded
from tests.postgres import new_postgres_database

AT = datetime(2026, 3, 1, 23, 50, tzinfo=UTC)
ENDPOINTS = ("lab/one", "lab/two", "mill/three")
PROMPTS = ("a-cat", "a-dog", "a-hat", "a-mug")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def full(request, tmp_path):
    """The database that is exported."""
    url = new_postgres_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else None
    opened = open_database(Settings(data_dir=tmp_path / "full", database_url=url), create=True)
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture
def empty(tmp_path):
    """The database that an export is read into."""
    opened = open_database(Settings(data_dir=tmp_path / "empty"), create=True)
    yield opened
    opened.close()


def fill(database, run_id="20260301-235000-full"):
    """A run over two days with every kind of end, votes of two days, and whatever was ruled."""
    prompts = {p: make_prompt(p, text=f"=a picture of {p},\n\"quoted\"; 'éß' 漢") for p in PROMPTS}
    endpoints = [make_endpoint(e, provider=e.partition("/")[0]) for e in ENDPOINTS]
    card = PriceCard(endpoint="lab/one", from_date="2026-01-01", per_image_usd="0.013", source="x", confidence="low")
    cells = [(p, e, r) for p in PROMPTS for e in ENDPOINTS for r in range(3)]
    planned = [make_trial(i, e, p, r, seed=2**62 + i, due_ns=i * 7) for i, (p, e, r) in enumerate(cells)]
    with database.write() as connection:
        made = make_run(run_id=run_id, created_at=AT)
        stored = runs.create_run(connection, made, [(e, card) for e in endpoints], planned, prompts, "o:1:1")
    for i, trial in enumerate(stored[:-2]):  # two trials are never tried
        with database.write() as connection:
            attempt = attempts.write_intent(connection, trial.id, 1, simulated=False)
            connection.execute(runs.ATTEMPT.update().where(runs.ATTEMPT.c.id == attempt).values(
                intended_at=AT + timedelta(seconds=45 * i)
            ))  # fmt: skip
            if i != 5:  # one attempt stays unknown
                attempts.write_outcome(connection, attempt, outcome(i, AT + timedelta(seconds=45 * i + 0.000001)))
    with database.write() as connection:
        runs.end_run(connection, run_id, "o:1:1", RunStatus.FINISHED)
        contenders.enroll(connection, contenders.newcomers(connection, AT))
    vote(database, prompts)


def outcome(i, started_at):
    call = CallRecord(
        purpose=CallPurpose.SUBMIT, method="POST", url="http://x/", http_status=200, started_ns=0, headers_ns=3,
        ended_ns=9, body_bytes=12, remote_address="192.0.2.7:443",
    )  # fmt: skip
    if i % 9 == 4:
        kinds = (FailureKind.PROVIDER_ERROR, FailureKind.MODERATED_INPUT, FailureKind.DNS)
        return failed(kinds[i % 3], message='=it said "no"', started_at=started_at, calls=(call,), ended_ns=123_456_789)
    fields = {"started_at": started_at, "calls": (call,), "request_id": f"secret-{i}", "sent_seed": 2**62 + i,
              "server_ms": {"predict": 1.1 + i}, "remarks": ("rerouted",), "unsupported": ("seed",)}  # fmt: skip
    total_ns = 1_234_567_891 + i * 98_765_433
    images = tuple(make_artifact(f"{16 * i + k:064x}", size_bytes=100 + i) for k in range(1 + (i % 4 == 0)))
    if i % 7 == 3:
        glimpse = Glimpse(position=0, format="png", width_px=64, height_px=64, size_bytes=55)
        return succeeded(ttfb_ns=total_ns - 999_999, total_ns=total_ns, images=(), glimpses=(glimpse,), **fields)
    return succeeded(ttfb_ns=total_ns - 999_999, total_ns=total_ns, images=images, usd="0.012345678", **fields)


def vote(database, prompts):
    """240 votes by 12 people and a judge, one of them taken back and cast anew, some set apart."""
    rng = np.random.default_rng(3)
    with database.write() as connection:
        people = contenders.contenders(connection)
        shown = queries.outcomes(connection).dropna(subset=["image_sha256"]).groupby(["endpoint", "prompt_id"])
        sha = {key: rows["image_sha256"].iloc[0] for key, rows in shown}
        for i in range(12):
            battles.register_voter(connection, f"person-{i}", VoterKind.HUMAN)
        battles.register_voter(connection, "machine", VoterKind.JUDGE, "judge v1")
        for n in range(240):
            left, right = (people[k] for k in rng.choice(3, 2, replace=False))
            prompt = prompts[PROMPTS[int(rng.integers(4))]]
            at, voter = AT + timedelta(seconds=11 * n), f"person-{rng.integers(12)}" if n % 10 else "machine"
            sides = [
                Entry(
                    contender=c.id, attempt_id=None, position=None, cell="c", sha256=sha.get((c.endpoint_id, prompt.id))
                )
                for c in (left, right)
            ]
            cell = Cell(key="c", prompt_id=prompt.id, prompt_sha256=prompt.sha256, mode=prompt.mode,
                        category=prompt.category, simulated=False)  # fmt: skip
            drawn = Battle(
                id=0, voter_id=voter, cell=cell, left=sides[0], right=sides[1], rule=Rule.UNIFORM, propensity=1 / 3,
                purpose=Purpose.RATE if n % 17 else Purpose.REPEAT, salt="ours", created_at=at, shown_at=at,
                expires_at=at,
            )  # fmt: skip
            drawn = battles.write_battle(connection, drawn, f"{n:064x}")
            verdict = list(Verdict)[int(rng.choice(6, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05]))]
            cast = Vote(
                battle_id=drawn.id, voter_id=voter, verdict=verdict, cast_at=at, dwell_ms=900 + n, network="n" * 64
            )
            kind = VoterKind.JUDGE if voter == "machine" else VoterKind.HUMAN
            assert battles.write_vote(connection, drawn, cast, kind)
            if n == 30:
                assert battles.undo_vote(connection, drawn.id, at, at + timedelta(seconds=3))
                again = cast.model_copy(update={"verdict": Verdict.TIE, "cast_at": at + timedelta(seconds=5)})
                assert battles.write_vote(connection, drawn, again, kind)
        rule(connection, Ruling(voter_id="person-3", apart=True, reason="declared by the operator: is person-3", by=Ruler.OPERATOR, at=AT))  # fmt: skip  # noqa: E501
        rule(connection, Ruling(vote_id=9, apart=True, reason="a script", by=Ruler.HOUSE, at=AT))
        one, two = sha["lab/one", "a-cat"], sha["mill/three", "a-cat"]
        declare_gold(connection, one, two, "the other one is grey", AT)
        rule_on_image(connection, sha["lab/one", "a-dog"], "a watermark", AT, apart=True)
        contenders.retire(connection, people[2].id, AT)


def figures(database):
    """Everything that is shown of a database, to the last digit."""
    with database.read() as connection:
        boards = [leaderboard(connection, b) for b in (Board(), Board(judges=True), Board(group_by="provider"))]
        shown = [competitions.competition(connection, row["prompt_id"]) for row in competitions.overview(connection)]
        return {
            "summary": as_json(summarize(queries.outcomes(connection))),
            "boards": [(b.rows, b.votes, b.voters, b.prompts, b.left_out.sentence, b.warnings) for b in boards],
            "competitions": [(c.rows, c.votes, c.left_out.sentence) for c in shown],
            "overview": competitions.overview(connection),
        }


def images_of(database, prompt_id):
    """The images of a competition without what is local."""
    with database.read() as connection:
        found = competitions.images(connection, prompt_id, Path("x"))
    plain = [{k: v for k, v in row.items() if k not in {"attempt", "file"}} for row in found]
    return sorted(plain, key=lambda row: row["sha256"])


def export(database, table, file_format, out, **options):
    scope, since = options.pop("scope", Scope()), options.pop("since_last", None)
    job = Job(table, FileFormat(file_format), out, scope, **options)
    if since is not None:
        return run_since_last(database, job, since)
    with database.read() as connection:
        return run(connection, job)


def export_all(database, file_format, directory, *, by_day=False):
    for name, table in TABLES.items():
        parted = by_day and table.day is not None
        out = directory / (name if parted else f"{name}.{file_format}")
        export(database, name, file_format, out, by_day=parted)
    return directory


def json_rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
