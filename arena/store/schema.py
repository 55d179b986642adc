"""All tables together: what migrations are held against."""

from __future__ import annotations

from sqlmodel import SQLModel

from arena.store import (
    alert_tables,
    battle_tables,
    check_tables,
    exchange_tables,
    playground_tables,
    schedule_tables,
    score_tables,
    tables,
)

METADATA = SQLModel.metadata
EVERY = (
    *tables.__all__,
    *alert_tables.__all__,
    *battle_tables.__all__,
    *check_tables.__all__,
    *exchange_tables.__all__,
    *playground_tables.__all__,
    *schedule_tables.__all__,
    *score_tables.__all__,
)
