"""what a run was made for, what the playground may spend, and indexes to look for images by"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PURPOSES = "purpose IN ('measurement', 'capacity', 'behaviour', 'playground')"
STAMP = "________-______-____"
"""What `arena capacity` and `arena providers behaviour` put behind the names of their plans: 20261121-093000-k3fq."""


def upgrade() -> None:
    op.add_column(
        "run",
        sa.Column(
            "purpose",
            sa.String(),
            sa.CheckConstraint(PURPOSES, name=op.f("ck_run_purpose")),
            nullable=False,
            server_default="measurement",
        ),
    )
    for purpose in ("capacity", "behaviour"):
        named = sa.text("UPDATE run SET purpose = :purpose WHERE plan_name LIKE :pattern")
        op.get_bind().execute(named, {"purpose": purpose, "pattern": f"{purpose}-{STAMP}"})
    op.create_table(
        "playground_reservation",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_nano_usd", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_nano_usd >= 0", name=op.f("ck_playground_reservation_amount")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_playground_reservation_run_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_playground_reservation")),
    )
    op.create_index(op.f("ix_playground_reservation_at"), "playground_reservation", ["at"])
    op.create_index(op.f("ix_trial_endpoint_id_id"), "trial", ["endpoint_id", "id"])
    op.create_index(op.f("ix_trial_prompt_id_id"), "trial", ["prompt_id", "id"])
    op.create_index(op.f("ix_attempt_simulated_id"), "attempt", ["simulated", "id"])


def downgrade() -> None:
    raise NotImplementedError("what the playground spent is not forgotten; restore a backup instead")
