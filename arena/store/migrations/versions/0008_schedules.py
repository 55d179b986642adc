"""schedules with their slots and what these may spend; images and calls that were pruned"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("settled_until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedule")),
    )
    op.create_table(
        "slot",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("slot_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'interrupted', 'done', 'failed', 'missed')", name=op.f("ck_slot_status")
        ),
        sa.CheckConstraint(
            "reason IN ('off', 'overlap', 'budget', 'changed', 'unusable')", name=op.f("ck_slot_reason")
        ),
        sa.CheckConstraint("(status = 'missed') = (reason IS NOT NULL)", name=op.f("ck_slot_missed_with_reason")),
        sa.CheckConstraint("(status = 'missed') = (run_id IS NULL)", name=op.f("ck_slot_run_unless_missed")),
        sa.ForeignKeyConstraint(["schedule"], ["schedule.name"], name=op.f("fk_slot_schedule")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_slot_run_id")),
        sa.UniqueConstraint("run_id", name=op.f("uq_slot_run_id")),
        sa.PrimaryKeyConstraint("schedule", "slot_at", name=op.f("pk_slot")),
    )
    op.create_table(
        "slot_execution",
        sa.Column("schedule", sa.String(), nullable=False),
        sa.Column("slot_at", MOMENT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_as", sa.String(), nullable=True),
        sa.Column("reserved_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("spent_nano_usd", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "ended_as IN ('running', 'finished', 'interrupted', 'budget', 'failed')",
            name=op.f("ck_slot_execution_ended_as"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (spent_nano_usd IS NULL)", name=op.f("ck_slot_execution_spent_when_ended")
        ),
        sa.ForeignKeyConstraint(
            ["schedule", "slot_at"], ["slot.schedule", "slot.slot_at"], name=op.f("fk_slot_execution_schedule_slot_at")
        ),
        sa.PrimaryKeyConstraint("schedule", "slot_at", "number", name=op.f("pk_slot_execution")),
    )
    op.create_index(op.f("ix_slot_execution_schedule_month"), "slot_execution", ["schedule", "month"])
    op.create_index(op.f("ix_slot_execution_ended_at"), "slot_execution", ["ended_at"])
    # When the bytes of an image were deleted on purpose; and up to when a run's calls were.
    op.add_column("artifact", sa.Column("pruned_at", MOMENT, nullable=True))
    op.create_index(op.f("ix_artifact_pruned_at"), "artifact", ["pruned_at"])
    op.add_column("run", sa.Column("calls_pruned_at", MOMENT, nullable=True))
    op.add_column("run", sa.Column("attempts_pruned_at", MOMENT, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("measurements are not taken back; restore a backup instead")
