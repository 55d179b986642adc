"""What a run was made for decides whether its images meet and its figures stand for a provider."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command

from arena.domain.purpose import RunPurpose
from arena.store import contenders, migrate, runs, screening
from arena.store.engine import connect, open_database
from arena.store.entries import entries
from tests.arena.store.test_gallery import ENDPOINTS, add_run

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def pool(database):
    """Contenders and images that can be drawn."""
    with database.read() as connection:
        joining = contenders.newcomers(connection, NOW)
    if joining:
        with database.write() as connection:
            contenders.enroll(connection, joining)
    with database.read() as connection:
        cells, drawn = entries(connection, simulated=False)
        return [c.endpoint_id for c in contenders.contenders(connection)], (len(cells), len(drawn.sha256))


@pytest.mark.parametrize("purpose", [p for p in RunPurpose if p is not RunPurpose.MEASUREMENT])
def test_images_of_such_a_run_meet_nobody_and_make_nobody_a_contender(any_database, purpose):
    add_run(any_database, "20260101-000001-runs", simulated=False, purpose=purpose)
    assert pool(any_database) == ([], (0, 0))
    add_run(any_database, "20260101-000002-runs", simulated=False)
    assert pool(any_database) == (list(ENDPOINTS), (2, 12))
    with any_database.read() as connection:
        assert {d.run_id for d in screening.not_screened(connection, None)} == {"20260101-000002-runs"}
        assert {d.run_id for d in screening.delivered(connection)} == {"20260101-000002-runs"}


def test_a_purpose_is_kept_with_its_run(any_database):
    add_run(any_database, "20260101-000001-runs", simulated=False, purpose=RunPurpose.PLAYGROUND)
    with any_database.read() as connection:
        assert runs.get_run(connection, "last").plan.purpose is RunPurpose.PLAYGROUND
        assert runs.run_choices(connection, 5)[0].purpose is RunPurpose.PLAYGROUND


def test_older_runs_are_told_by_the_names_that_their_commands_gave_them(any_settings):
    names = {
        "nightly": "measurement",
        "capacity-20260101-120000-ab3d": "capacity",
        "behaviour-20260101-120000-ab3d": "behaviour",
        "capacity-of-the-hall": "measurement",
    }
    any_settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = connect(any_settings, create=True)
    with engine.begin() as connection:
        config = migrate.config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for name in names:
            row = {"id": f"r-{name}", "name": name, "at": NOW.replace(tzinfo=None).isoformat(" ")}
            connection.execute(
                sa.text(
                    "INSERT INTO run (id, plan_name, plan_json, plan_sha256, status, created_at, environment_json,"
                    " simulated) VALUES (:id, :name, '{}', 'x', 'finished', :at, '{}', false)"
                ),
                row,
            )
    migrate.upgrade(engine)
    engine.dispose()
    database = open_database(any_settings)
    with database.read() as connection:
        assert {c.plan_name: c.purpose.value for c in runs.run_choices(connection, 9)} == names
    database.close()
