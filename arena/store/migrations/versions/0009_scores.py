"""scores of stored images, and the instruments that they were read from"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "instrument",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("better", sa.String(), nullable=True),
        sa.Column("negligible", sa.Float(), nullable=True),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("weights", sa.String(), nullable=False),
        sa.Column("weights_sha256", sa.String(64), nullable=False),
        sa.CheckConstraint("better IN ('lower', 'higher')", name=op.f("ck_instrument_better")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instrument")),
        sa.UniqueConstraint(
            "metric", "revision", "model", "weights_sha256",
            name=op.f("uq_instrument_metric_revision_model_weights_sha256"),
        ),
    )  # fmt: skip
    op.create_table(
        "score",
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("prompt_sha256", sa.String(64), nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("against", sa.String(64), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("tool_version", sa.String(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("detail_json", sa.String(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_sha256"], ["artifact.sha256"], name=op.f("fk_score_image_sha256")),
        sa.ForeignKeyConstraint(["instrument_id"], ["instrument.id"], name=op.f("fk_score_instrument_id")),
        sa.ForeignKeyConstraint(
            ["prompt_id", "prompt_sha256"],
            ["prompt.id", "prompt.sha256"],
            name=op.f("fk_score_prompt_id_prompt_sha256"),
        ),
        sa.PrimaryKeyConstraint(
            "image_sha256", "prompt_id", "prompt_sha256", "instrument_id", "against", name=op.f("pk_score")
        ),
    )
    op.create_index(op.f("ix_score_instrument_id"), "score", ["instrument_id"])


def downgrade() -> None:
    raise NotImplementedError("scores are not taken back; restore a backup instead")
