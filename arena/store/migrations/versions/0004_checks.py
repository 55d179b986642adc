"""gold pairs, rulings, screened images"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "gold_pair",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("prompt_sha256", sa.String(64), nullable=False),
        sa.Column("better_sha256", sa.String(64), nullable=False),
        sa.Column("worse_sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("better_sha256 <> worse_sha256", name=op.f("ck_gold_pair_two_images")),
        sa.ForeignKeyConstraint(["better_sha256"], ["artifact.sha256"], name=op.f("fk_gold_pair_better_sha256")),
        sa.ForeignKeyConstraint(
            ["prompt_id", "prompt_sha256"],
            ["prompt.id", "prompt.sha256"],
            name=op.f("fk_gold_pair_prompt_id_prompt_sha256"),
        ),
        sa.ForeignKeyConstraint(["worse_sha256"], ["artifact.sha256"], name=op.f("fk_gold_pair_worse_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_pair")),
    )
    op.create_table(
        "ruling",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("voter_id", sa.String(64), nullable=True),
        sa.Column("vote_id", ROW_ID, nullable=True),
        sa.Column("image_sha256", sa.String(64), nullable=True),
        sa.Column("apart", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("by IN ('house', 'operator')", name=op.f("ck_ruling_by")),
        sa.CheckConstraint(
            "(voter_id IS NULL OR vote_id IS NULL) AND (voter_id IS NULL OR image_sha256 IS NULL)"
            " AND (vote_id IS NULL OR image_sha256 IS NULL)",
            name=op.f("ck_ruling_one_subject"),
        ),
        sa.ForeignKeyConstraint(["image_sha256"], ["artifact.sha256"], name=op.f("fk_ruling_image_sha256")),
        sa.ForeignKeyConstraint(["vote_id"], ["vote.id"], name=op.f("fk_ruling_vote_id")),
        sa.ForeignKeyConstraint(["voter_id"], ["voter.id"], name=op.f("fk_ruling_voter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ruling")),
    )
    for column in ("voter_id", "vote_id", "image_sha256"):
        op.create_index(op.f(f"ix_ruling_{column}"), "ruling", [column])
    op.create_table(
        "screening",
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("thumbnail", sa.LargeBinary(), nullable=False),
        sa.Column("screened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["image_sha256"], ["artifact.sha256"], name=op.f("fk_screening_image_sha256")),
        sa.PrimaryKeyConstraint("image_sha256", name=op.f("pk_screening")),
    )
    _partial_index("ix_vote_set_apart", ["quarantine"], "quarantine IS NOT NULL")
    _partial_index("ix_vote_checks", ["voter_id", "purpose"], "purpose <> 'rate'")


def _partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "vote", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    raise NotImplementedError("rulings are not taken back; restore a backup instead")
