"""contenders, renditions, voters, battles, votes"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contender",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contender")),
        sa.UniqueConstraint("endpoint_id", "simulated", name=op.f("uq_contender_endpoint_id_simulated")),
    )
    op.create_table(
        "voter",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('human', 'judge')", name=op.f("ck_voter_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voter")),
    )
    op.create_table(
        "rendition",
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("kept_out", sa.String(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_sha256"], ["artifact.sha256"], name=op.f("fk_rendition_source_sha256")),
        sa.PrimaryKeyConstraint("source_sha256", name=op.f("pk_rendition")),
    )
    op.create_table(
        "battle",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("voter_id", sa.String(64), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("prompt_sha256", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("left_contender", sa.Integer(), nullable=False),
        sa.Column("right_contender", sa.Integer(), nullable=False),
        sa.Column("left_attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("left_position", sa.Integer(), nullable=True),
        sa.Column("left_sha256", sa.String(64), nullable=True),
        sa.Column("right_attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("right_position", sa.Integer(), nullable=True),
        sa.Column("right_sha256", sa.String(64), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode IN ('t2i', 'edit')", name=op.f("ck_battle_mode")),
        sa.CheckConstraint("purpose IN ('rate', 'gold', 'repeat')", name=op.f("ck_battle_purpose")),
        sa.CheckConstraint("rule IN ('newcomer', 'uncertain', 'uniform')", name=op.f("ck_battle_rule")),
        sa.CheckConstraint("left_contender <> right_contender", name=op.f("ck_battle_two_contenders")),
        sa.CheckConstraint("propensity > 0 AND propensity <= 1", name=op.f("ck_battle_propensity")),
        sa.ForeignKeyConstraint(
            ["left_attempt_id", "left_position"],
            ["image.attempt_id", "image.position"],
            name=op.f("fk_battle_left_attempt_id_left_position"),
        ),
        sa.ForeignKeyConstraint(["left_contender"], ["contender.id"], name=op.f("fk_battle_left_contender")),
        sa.ForeignKeyConstraint(
            ["prompt_id", "prompt_sha256"],
            ["prompt.id", "prompt.sha256"],
            name=op.f("fk_battle_prompt_id_prompt_sha256"),
        ),
        sa.ForeignKeyConstraint(
            ["right_attempt_id", "right_position"],
            ["image.attempt_id", "image.position"],
            name=op.f("fk_battle_right_attempt_id_right_position"),
        ),
        sa.ForeignKeyConstraint(["right_contender"], ["contender.id"], name=op.f("fk_battle_right_contender")),
        sa.ForeignKeyConstraint(["voter_id"], ["voter.id"], name=op.f("fk_battle_voter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_battle")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_battle_token_sha256")),
    )
    with op.batch_alter_table("battle", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_battle_voter_id_created_at"), ["voter_id", "created_at"], unique=False)

    op.create_table(
        "vote",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("battle_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("voter_id", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("cast_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dwell_ms", sa.BigInteger(), nullable=False),
        sa.Column("network", sa.String(64), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quarantine", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('human', 'judge')", name=op.f("ck_vote_kind")),
        sa.CheckConstraint("mode IN ('t2i', 'edit')", name=op.f("ck_vote_mode")),
        sa.CheckConstraint(
            "verdict IN ('left', 'right', 'tie', 'both_good', 'both_bad', 'skip')", name=op.f("ck_vote_verdict")
        ),
        sa.ForeignKeyConstraint(["battle_id"], ["battle.id"], name=op.f("fk_vote_battle_id")),
        sa.ForeignKeyConstraint(["voter_id"], ["voter.id"], name=op.f("fk_vote_voter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote")),
    )
    with op.batch_alter_table("vote", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_vote_network_cast_at"), ["network", "cast_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_vote_voter_id_cast_at"), ["voter_id", "cast_at"], unique=False)
        batch_op.create_index(
            "uq_vote_standing",
            ["battle_id"],
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )


def downgrade() -> None:
    raise NotImplementedError("votes are not taken back; restore a backup instead")
