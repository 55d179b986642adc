"""All tables together: what migrations are held against."""

from __future__ import annotations

from sqlmodel import SQLModel

from arena.store import alert_tables, battle_tables, check_tables, tables

METADATA = SQLModel.metadata
EVERY = (*tables.__all__, *battle_tables.__all__, *check_tables.__all__, *alert_tables.__all__)
