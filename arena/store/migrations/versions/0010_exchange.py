"""which rows changed since an export, and where a run was imported from"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    clock = op.create_table(
        "export_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("database_id", sa.String(), nullable=False),
        sa.Column("voter_salt", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_clock")),
    )
    only = {"id": 1, "epoch": 1, "database_id": secrets.token_hex(8), "voter_salt": secrets.token_hex(16)}
    op.bulk_insert(clock, [only])
    op.create_table(
        "export_cursor",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("filters_json", sa.String(), nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "table_name", name=op.f("pk_export_cursor")),
    )
    op.add_column("run", sa.Column("imported_from", sa.String(), nullable=True))
    for table in ("attempt", "vote", "prompt"):
        op.add_column(table, sa.Column("changed_epoch", sa.BigInteger(), server_default="0", nullable=False))
    for table in ("attempt", "vote"):
        op.add_column(table, sa.Column("first_epoch", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("measurements are not taken back; restore a backup instead")
