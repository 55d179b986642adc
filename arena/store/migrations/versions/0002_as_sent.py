"""how the size was told, and what the provider did on the way"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ADD COLUMN on both databases: the table of attempts is the largest there is and is not copied for this.
    op.add_column("attempt", sa.Column("sent_size", sa.String(), nullable=True))
    op.add_column("attempt", sa.Column("remarks_json", sa.String(), nullable=False, server_default="[]"))


def downgrade() -> None:
    raise NotImplementedError("measurements are not taken back; restore a backup instead")
