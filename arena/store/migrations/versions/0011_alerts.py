"""what was told of incidents, to whom and when"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("incident", sa.String(12), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("noticed", sa.Date(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("complaint", sa.String(), nullable=True),
        sa.CheckConstraint("event IN ('opened', 'closed')", name=op.f("ck_alert_event")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("incident", "event", "channel", name=op.f("uq_alert_incident_event_channel")),
    )
    op.create_index(op.f("ix_alert_series"), "alert", ["series"])


def downgrade() -> None:
    raise NotImplementedError("measurements are not taken back; restore a backup instead")
