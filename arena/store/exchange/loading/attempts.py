"""Attempts and outcomes of an export, stored with their trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from arena.domain.outcome import AttemptStatus
from arena.store.attempts import FIRST_EXPORTABLE
from arena.store.exchange.loading.plans import StandIn, check_json, stand_in_endpoint, stand_in_prompt
from arena.store.exchange.loading.tally import Row, RowError, Tally, by_run, differing, in_pieces
from arena.store.exchange.measured import MARKS_NS
from arena.store.exchange_tables import CurrentEpoch
from arena.store.runs import ARTIFACT, ATTEMPT, GLIMPSE, IMAGE, PROMPT, RUN, RUN_ENDPOINT, TRIAL, insert_ignore
from arena.units import NANO_USD_PER_USD, NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

RUNS_HELD = 4
TRIAL_NAMES = {"seq": "trial", "endpoint_id": "endpoint", "prompt_id": "prompt_id", "prompt_sha256": "prompt_sha256",
               "repetition": "repetition", "phase": "phase", "seed": "seed", "width_px": "requested_width_px",
               "height_px": "requested_height_px", "format": "requested_format"}  # fmt: skip
AS_THEY_ARE = ("status", "started_at", "simulated", "polls", "failure_kind", "failure_message", "http_status",
               "retry_after_s", "cost_source", "request_id", "served_model", "sent_size")  # fmt: skip
OF_OUTCOME_NS = {"lateness_ms": "lateness_ns", "slot_wait_ms": "slot_wait_ns", "connected_ms": "connected_ns",
                 "accepted_ms": "accepted_ns", "ttfb_ms": "result_ns", "generation_ms": "result_end_ns",
                 "time_to_first_image_byte_ms": "first_image_byte_ns", "time_to_image_ms": "last_image_byte_ns",
                 "ended_ms": "ended_ns", "poll_interval_ms": "poll_interval_ns", "last_pending_ms": "last_pending_ns",
                 "first_done_ms": "first_done_ns"}  # fmt: skip
NEVER_MISSING = ("intended_at", "simulated", "polls", "server_ms", "unsupported", "remarks")
Placed = tuple[int, Row, Row | None]
"""The place of a row in its batch, the row, and the attempt that it tells of, if it tells of one."""
JSON = {"server_ms": dict, "unsupported": list, "remarks": list}


@dataclass(slots=True)
class KnownRun:
    """What is stored of a run; `is_ours` if it was made here, so that no import changes it."""

    is_ours: bool
    created_at: datetime
    endpoints: set[str]
    trials: dict[int, int]
    attempts: dict[tuple[int, int], int]


@dataclass(slots=True)
class Attempts:
    """Stores attempts, and outcomes as the attempts that they tell of; remembers the runs that it is at."""

    connection: Connection
    origin: str
    stand_ins: dict[str, StandIn] = field(default_factory=dict)
    _runs: dict[str, KnownRun] = field(default_factory=dict)
    _prompts: set[tuple[str, str]] = field(default_factory=set)

    # -- tables --------------------------------------------------------------------------------------------------------

    def load_attempts(self, rows: Sequence[Row]) -> Tally:
        """Store rows of `attempts`, with the trials that were not tried."""
        tally = Tally()
        for run_id, placed in by_run(rows):
            known = self.run(run_id)
            if known is None:
                raise RowError(
                    placed[0][0], f"the run {run_id} is not there; import `runs`, `endpoints`, `prompts`, too"
                )
            self._check_prompts([(p, r) for p, r in placed])
            tally += self._load(known, run_id, [(p, r, _attempt_row(p, r)) for p, r in placed], {})
        return tally

    def load_outcomes(self, rows: Sequence[Row]) -> Tally:
        """Store rows of `outcomes`; where run, endpoint or prompt are not there, what is known of them stands in."""
        tally = Tally()
        for run_id, placed in by_run(rows):
            try:
                self._stand_in(run_id, [row for _, row in placed])
            except ValueError as error:
                raise RowError(placed[0][0], str(error).replace("\n", " ")) from None
            known = self._runs[run_id]
            made: list[Placed] = [(p, r, _outcome_row(p, r, known.created_at)) for p, r in placed]
            tally += self._load(known, run_id, made, {(r["trial"], r["attempt"]): r for _, r in placed})
        return tally

    def finish(self) -> None:
        """Write what stands in for runs, now that all of their outcomes are known."""
        for run_id, stand_in in self.stand_ins.items():
            self.connection.execute(RUN.update().where(RUN.c.id == run_id).values(stand_in.row(self.origin)))

    # -- what is there -------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> KnownRun | None:
        """What is stored of a run, or None if it is not there."""
        if run_id in self._runs:
            return self._runs[run_id]
        stored = self.connection.execute(
            sa.select(RUN.c.imported_from, RUN.c.created_at).where(RUN.c.id == run_id)
        ).first()
        if stored is None:
            return None
        theirs = sa.select(RUN_ENDPOINT.c.endpoint_id).where(RUN_ENDPOINT.c.run_id == run_id)
        endpoints = set(self.connection.execute(theirs).scalars())
        known = KnownRun(stored.imported_from is None, stored.created_at, endpoints, {}, {})
        self._note(known, TRIAL.c.run_id == run_id)
        if len(self._runs) == RUNS_HELD:
            self._runs.pop(next(iter(self._runs)))
        self._runs[run_id] = known
        return known

    def _note(self, known: KnownRun, which: sa.ColumnElement[bool]) -> None:
        query = sa.select(TRIAL.c.seq, TRIAL.c.id, ATTEMPT.c.number, ATTEMPT.c.id.label("attempt_id"))
        for row in self.connection.execute(query.outerjoin(ATTEMPT, ATTEMPT.c.trial_id == TRIAL.c.id).where(which)):
            known.trials[row.seq] = row.id
            if row.attempt_id is not None:
                known.attempts[row.seq, row.number] = row.attempt_id

    def _check_prompts(self, placed: list[tuple[int, Row]]) -> None:
        wanted = {(row["prompt_id"], row["prompt_sha256"]): place for place, row in placed}
        unknown = wanted.keys() - self._prompts
        if unknown:
            self._prompts |= {tuple(row) for row in self.connection.execute(sa.select(PROMPT.c.id, PROMPT.c.sha256))}
        for key in sorted(wanted.keys() - self._prompts):
            raise RowError(wanted[key], f"the prompt {key[0]} is not there; import the table `prompts`, too")

    def _stand_in(self, run_id: str, rows: list[Row]) -> None:
        known = self.run(run_id)
        if known is None or run_id in self.stand_ins:
            stand_in = self.stand_ins.setdefault(run_id, StandIn(run_id))
            for row in rows:
                stand_in.see(row)
            if known is None:
                self.connection.execute(RUN.insert(), stand_in.row(self.origin))
                known = self.run(run_id)
        if known is None or known.is_ours:
            return
        new = {row["endpoint"]: row for row in rows if row["endpoint"] not in known.endpoints}
        if new:
            self.connection.execute(RUN_ENDPOINT.insert(), [stand_in_endpoint(run_id, row) for row in new.values()])
            known.endpoints |= new.keys()
        prompts = {(row["prompt_id"], row["prompt_sha256"]): row for row in rows}
        missing = prompts.keys() - self._prompts
        if missing:
            insert_ignore(self.connection, PROMPT, [stand_in_prompt(prompts[key]) for key in sorted(missing)])
            self._prompts |= missing

    # -- storing -------------------------------------------------------------------------------------------------------

    def _load(
        self,
        known: KnownRun,
        run_id: str,
        placed: list[Placed],
        outcomes: dict[tuple[int, int], Row],
    ) -> Tally:
        tally = Tally()
        if known.is_ours:
            tally.known = len(placed)
            return tally
        for place, row, _ in placed:
            if row["endpoint"] not in known.endpoints:
                raise RowError(
                    place, f"the endpoint {row['endpoint']} is not one of this run's; import `endpoints`, too"
                )
        trials = {row["trial"]: row for _, row, _ in placed if row["trial"] not in known.trials}
        if trials:
            self.connection.execute(TRIAL.insert(), [_trial_row(run_id, row) for row in trials.values()])
            self._note(known, (TRIAL.c.run_id == run_id) & TRIAL.c.seq.between(min(trials), max(trials)))
        tally.new = sum(1 for _, row, made in placed if made is None and row["trial"] in trials)
        tally.known = sum(1 for _, row, made in placed if made is None) - tally.new
        made = [(row["trial"], attempt) for _, row, attempt in placed if attempt is not None]
        fresh = [(seq, row) for seq, row in made if (seq, row["number"]) not in known.attempts]
        there = {known.attempts[seq, row["number"]]: row for seq, row in made if (seq, row["number"]) in known.attempts}
        touched = self._insert(known, run_id, fresh)
        changed = self._update(there)
        wanted = {known.attempts[key]: row for key, row in outcomes.items()}
        pictured = touched | (changed - self._with_images(changed))
        self._images({i: row for i, row in wanted.items() if i in pictured})
        return tally + Tally(len(fresh), len(changed), len(there) - len(changed))

    def _insert(self, known: KnownRun, run_id: str, fresh: list[tuple[int, Row]]) -> set[int]:
        if not fresh:
            return set()
        rows = [{"trial_id": known.trials[seq], **row} for seq, row in fresh]
        self.connection.execute(ATTEMPT.insert().values(first_epoch=CurrentEpoch()), rows)
        seqs = [seq for seq, _ in fresh]
        self._note(known, (TRIAL.c.run_id == run_id) & TRIAL.c.seq.between(min(seqs), max(seqs)))
        return {known.attempts[seq, row["number"]] for seq, row in fresh}

    def _update(self, there: dict[int, Row]) -> set[int]:
        changed = set()
        for piece in in_pieces(there):
            for stored in self.connection.execute(sa.select(ATTEMPT).where(ATTEMPT.c.id.in_(piece))).mappings():
                wanted = there[stored["id"]]
                # When it was written down, outcomes do not tell; what is stored is at least as good.
                wanted = {k: v for k, v in wanted.items() if k != "intended_at"}
                if differing(stored, wanted):
                    mine = ATTEMPT.update().where(ATTEMPT.c.id == stored["id"])
                    self.connection.execute(mine.values(wanted | FIRST_EXPORTABLE))
                    changed.add(stored["id"])
        return changed

    def _with_images(self, attempt_ids: set[int]) -> set[int]:
        """Those of which it is known already what they delivered."""
        found: set[int] = set()
        for piece in in_pieces(attempt_ids):
            for table in (IMAGE, GLIMPSE):
                query = sa.select(table.c.attempt_id).where(table.c.attempt_id.in_(piece))
                found |= set(self.connection.execute(query).scalars())
        return found

    def _images(self, outcomes: dict[int, Row]) -> None:
        """The first image of each outcome; of further ones only the number is known, and they are counted."""
        artifacts, images, glimpses = [], [], []
        for attempt_id, row in outcomes.items():
            about = {name: row[f"image_{name}"] for name in ("format", "width_px", "height_px")}
            for position in range(row["image_count"]):
                key = {"attempt_id": attempt_id, "position": position}
                if position == 0 and row["image_sha256"] is not None:
                    artifacts.append({"sha256": row["image_sha256"], **about, "size_bytes": row["image_bytes"]})
                    images.append({**key, "sha256": row["image_sha256"]})
                else:
                    glimpses.append({**key, **about, "size_bytes": 0 if position else row["image_bytes"]})
        for table, rows in ((ARTIFACT, artifacts), (IMAGE, images), (GLIMPSE, glimpses)):
            if rows:
                insert_ignore(self.connection, table, rows)


def _trial_row(run_id: str, row: Row) -> Row:
    return {
        "run_id": run_id,
        "due_ns": row.get("due_ns"),
        **{name: row[theirs] for name, theirs in TRIAL_NAMES.items()},
    }


def _attempt_row(place: int, row: Row) -> Row | None:
    """A row of `attempts` as it is stored; None for a trial that was not tried."""
    if row["attempt"] is None:
        return None
    for name in ("status", *NEVER_MISSING):
        if row[name] is None:
            raise RowError(place, f"{name} is missing")
    same = {name: row[name] for name, _ in MARKS_NS}
    rest = {name: row[name] for name in ("intended_at", "cost_nano_usd", "sent_seed")}
    return _checked(place, row, {**same, **rest})


def _outcome_row(place: int, row: Row, run_created_at: datetime) -> Row:
    """A row of `outcomes` as it is stored: in nanoseconds and 10⁻⁹ dollars again, which loses nothing."""
    made: Row = {}
    for ms, ns in OF_OUTCOME_NS.items():
        made[ns] = None if row[ms] is None else round(row[ms] * NS_PER_MS)
    made["cost_nano_usd"] = None if row["cost_usd"] is None else round(row["cost_usd"] * NANO_USD_PER_USD)
    made["sent_seed"] = row["served_seed"]
    made["intended_at"] = row["started_at"] or run_created_at
    _check_image(place, row)
    return _checked(place, row, made)


def _check_image(place: int, row: Row) -> None:
    if row["image_count"] < 0:
        raise RowError(place, f"image_count is {row['image_count']}")
    for name in ("image_format", "image_width_px", "image_height_px", "image_bytes"):
        if (row[name] is None) != (row["image_count"] == 0):
            raise RowError(place, f"{name} does not go with an image_count of {row['image_count']}")


def _checked(place: int, row: Row, made: Row) -> Row:
    for name, kind in JSON.items():
        check_json(place, name, row[name], kind)
    whole = {"number": row["attempt"], **{n: row[n] for n in AS_THEY_ARE}, **made}
    whole |= {f"{name}_json": row[name] for name in JSON}
    if (whole["status"] == AttemptStatus.FAILED) != (whole["failure_kind"] is not None):
        raise RowError(place, f"failure_kind does not go with the status {whole['status']}")
    if (whole["cost_nano_usd"] is None) != (whole["cost_source"] is None):
        raise RowError(place, "a cost and its cost_source go together")
    if whole["status"] == AttemptStatus.SUCCEEDED and whole["last_image_byte_ns"] is None:
        raise RowError(place, "it succeeded, and the time to image is missing")
    return whole


def known_attempt(attempts: Attempts, place: int, row: Row) -> tuple[int, bool]:
    """The id of the attempt that an image or a call belongs to, and whether it was made here."""
    known = attempts.run(row["run_id"])
    found: Any = None if known is None else known.attempts.get((row["trial"], row["attempt"]))
    if known is None or found is None:
        name = f"{row['run_id']}, trial {row['trial']}, attempt {row['attempt']}"
        raise RowError(place, f"the attempt ({name}) is not there; import `attempts` or `outcomes`, too")
    return int(found), known.is_ours
