"""images looked at in passing, how a connection was opened, and how fit the machine was to measure"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "glimpse",
        sa.Column("attempt_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("format IN ('png', 'jpeg', 'webp')", name=op.f("ck_glimpse_format")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_glimpse_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", "position", name=op.f("pk_glimpse")),
    )
    op.add_column("call", sa.Column("resolved_ns", sa.BigInteger(), nullable=True))
    op.add_column("call", sa.Column("tcp_ns", sa.BigInteger(), nullable=True))
    op.add_column("run", sa.Column("fitness_json", sa.String(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("measurements are not taken back; restore a backup instead")
