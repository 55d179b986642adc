"""Any row that can be measured or voted leaves and comes back as it was, in every format."""

from datetime import UTC, datetime
from decimal import Decimal

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings

from arena.domain.artifact import Glimpse
from arena.domain.failure import Failure, FailureKind
from arena.domain.outcome import Cost, CostSource, Outcome
from arena.domain.timings import Timings
from arena.reports.exports.importing import import_files
from arena.reports.exports.reading import read
from arena.reports.exports.sources import sources
from arena.reports.exports.tables import TABLES
from arena.reports.exports.writers import FileFormat, writer
from arena.settings import Settings
from arena.store import attempts, queries, runs
from arena.store.engine import open_database
from arena.store.exchange.batches import ARROW, arrow_schema
from arena.store.exchange.columns import Kind
from tests.arena.exports.conftest import export
from tests.factories import make_artifact, make_endpoint, make_prompt, make_run, make_trial

pytestmark = pytest.mark.slow

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30) | st.sampled_from(
    ["=1+1", "'=1", "''@x", "-", "'", "+\n", "\r", "\t", "", "NA", "null", '"', "a,b", "\r\n"]
)
INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1)
VALUES = {
    Kind.TEXT: TEXTS,
    Kind.INTEGER: INTEGERS,
    Kind.REAL: st.floats(allow_nan=False, allow_infinity=False),
    Kind.BOOLEAN: st.booleans(),
    Kind.MOMENT: st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
}


def rows_of(table):
    fields = {}
    for column in table.columns:
        values = st.sampled_from([str(c) for c in column.choices]) if column.choices else VALUES[column.kind]
        fields[column.name] = values if column.required else st.none() | values
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=4)


@pytest.mark.parametrize("file_format", list(FileFormat))
@pytest.mark.parametrize("name", ["outcomes", "votes", "calls"])
@settings(max_examples=60)
@given(data=st.data())
def test_any_row_is_read_as_it_was_written(tmp_path_factory, name, file_format, data):
    table, rows = TABLES[name], data.draw(rows_of(TABLES[name]))
    batch = pa.RecordBatch.from_pylist(rows, schema=arrow_schema(table.columns))
    path = tmp_path_factory.mktemp("any") / f"x.{file_format}"
    with path.open("wb") as file:
        made = writer(file_format, file, table.columns, NoProvenance())
        made.write(batch)
        made.close(NoProvenance())
    (source,) = sources([path])
    found = [row for part in read(source) for row in part.to_pylist()]
    assert found == batch.to_pylist()
    assert ARROW[Kind.MOMENT].tz == "UTC"


class NoProvenance:
    """Of rows that come from nowhere."""

    def as_metadata(self):
        return {}


NS = st.integers(0, 2**50)


@st.composite
def outcomes(draw):
    marks = sorted(draw(st.lists(NS, min_size=6, max_size=6)))
    timings = Timings(
        connected_ns=marks[0], accepted_ns=marks[1], result_ns=marks[2], result_end_ns=draw(st.none() | NS),
        first_image_byte_ns=marks[3], last_image_byte_ns=marks[4], ended_ns=marks[5], polls=draw(st.integers(0, 99)),
        lateness_ns=draw(st.none() | st.integers(-(2**50), 2**50)), last_pending_ns=draw(st.none() | NS),
    )  # fmt: skip
    usd = draw(st.none() | st.integers(0, 10**13).map(lambda nano: Decimal(nano) / 10**9))
    cost = None if usd is None else Cost(usd=usd, source=draw(st.sampled_from(CostSource)))
    kind = draw(st.none() | st.sampled_from(FailureKind))
    failure = (
        None
        if kind is None
        else Failure(kind=kind, message=draw(TEXTS), http_status=draw(st.none() | st.integers(100, 599)))
    )
    count = draw(st.integers(1, 3)) if failure is None else 0
    kept = draw(st.booleans())
    seen = tuple(Glimpse(position=i, format="png", width_px=3, height_px=4, size_bytes=9) for i in range(count))
    return Outcome(
        started_at=draw(VALUES[Kind.MOMENT]), timings=timings, failure=failure, cost=cost,
        images=tuple(make_artifact(f"{i:064x}") for i in range(count)) if kept else (), glimpses=() if kept else seen,
        simulated=draw(st.booleans()), request_id=draw(st.none() | TEXTS), served_model=draw(st.none() | TEXTS),
        sent_seed=draw(st.none() | INTEGERS), sent_size=draw(st.none() | TEXTS),
        server_ms=draw(st.dictionaries(TEXTS, st.floats(0, 1e9), max_size=2)),
        remarks=tuple(draw(st.lists(TEXTS, max_size=2))),
    )  # fmt: skip


@pytest.mark.slow
@settings(max_examples=15)
@given(made=st.lists(outcomes(), min_size=1, max_size=3), file_format=st.sampled_from(FileFormat))
def test_any_outcome_comes_back_from_another_database(tmp_path_factory, made, file_format):
    directory = tmp_path_factory.mktemp("any")
    here, there = (open_database(Settings(data_dir=directory / name), create=True) for name in ("a", "b"))
    with here.write() as connection:
        planned = [make_trial(i, repetition=i) for i in range(len(made))]
        stored = runs.create_run(
            connection, make_run(), [(make_endpoint(), None)], planned, {"a-cat": make_prompt()}, "o:1:1"
        )
        for trial, outcome in zip(stored, made, strict=True):
            attempt = attempts.write_intent(connection, trial.id, 1, simulated=outcome.simulated)
            attempts.write_outcome(connection, attempt, outcome)
    export(here, "outcomes", file_format, directory / f"x.{file_format}")
    import_files(there, [directory / f"x.{file_format}"])
    with here.read() as connection, there.read() as other:
        assert queries.outcomes(other).equals(queries.outcomes(connection))
    here.close()
    there.close()
