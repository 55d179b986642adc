"""initial"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "artifact",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("format IN ('png', 'jpeg', 'webp')", name=op.f("ck_artifact_format")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifact")),
    )
    op.create_table(
        "prompt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("tags_json", sa.String(), nullable=False),
        sa.Column("clip_tokens", sa.Integer(), nullable=False),
        sa.Column("sources_json", sa.String(), nullable=False),
        sa.Column("source_sha256_json", sa.String(), nullable=False),
        sa.Column("legible_text_json", sa.String(), nullable=False),
        sa.CheckConstraint("mode IN ('t2i', 'edit')", name=op.f("ck_prompt_mode")),
        sa.PrimaryKeyConstraint("id", "sha256", name=op.f("pk_prompt")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("plan_name", sa.String(), nullable=False),
        sa.Column("plan_json", sa.String(), nullable=False),
        sa.Column("plan_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("budget_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("environment_json", sa.String(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('running', 'finished', 'interrupted', 'budget', 'failed')", name=op.f("ck_run_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_created_at"), ["created_at"], unique=False)

    op.create_table(
        "run_endpoint",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("endpoint_json", sa.String(), nullable=False),
        sa.Column("price_json", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_endpoint_run_id")),
        sa.PrimaryKeyConstraint("run_id", "endpoint_id", name=op.f("pk_run_endpoint")),
    )
    op.create_table(
        "trial",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("prompt_sha256", sa.String(64), nullable=False),
        sa.Column("repetition", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("due_ns", sa.BigInteger(), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.CheckConstraint("phase IN ('warmup', 'measure')", name=op.f("ck_trial_phase")),
        sa.ForeignKeyConstraint(
            ["prompt_id", "prompt_sha256"],
            ["prompt.id", "prompt.sha256"],
            name=op.f("fk_trial_prompt_id_prompt_sha256"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "endpoint_id"],
            ["run_endpoint.run_id", "run_endpoint.endpoint_id"],
            name=op.f("fk_trial_run_id_endpoint_id"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_trial_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
        sa.UniqueConstraint(
            "run_id",
            "endpoint_id",
            "prompt_id",
            "repetition",
            "phase",
            name=op.f("uq_trial_run_id_endpoint_id_prompt_id_repetition_phase"),
        ),
        sa.UniqueConstraint("run_id", "seq", name=op.f("uq_trial_run_id_seq")),
    )
    op.create_table(
        "attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trial_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("lateness_ns", sa.BigInteger(), nullable=True),
        sa.Column("slot_wait_ns", sa.BigInteger(), nullable=True),
        sa.Column("connected_ns", sa.BigInteger(), nullable=True),
        sa.Column("accepted_ns", sa.BigInteger(), nullable=True),
        sa.Column("result_ns", sa.BigInteger(), nullable=True),
        sa.Column("result_end_ns", sa.BigInteger(), nullable=True),
        sa.Column("first_image_byte_ns", sa.BigInteger(), nullable=True),
        sa.Column("last_image_byte_ns", sa.BigInteger(), nullable=True),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("poll_interval_ns", sa.BigInteger(), nullable=True),
        sa.Column("last_pending_ns", sa.BigInteger(), nullable=True),
        sa.Column("first_done_ns", sa.BigInteger(), nullable=True),
        sa.Column("failure_kind", sa.String(), nullable=True),
        sa.Column("failure_message", sa.String(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("retry_after_s", sa.Float(), nullable=True),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("cost_source", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("served_model", sa.String(), nullable=True),
        sa.Column("sent_seed", sa.BigInteger(), nullable=True),
        sa.Column("server_ms_json", sa.String(), nullable=False),
        sa.Column("unsupported_json", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(status = 'failed') = (failure_kind IS NOT NULL)", name=op.f("ck_attempt_failed_with_kind")
        ),
        sa.CheckConstraint("cost_source IN ('reported', 'book')", name=op.f("ck_attempt_cost_source")),
        sa.CheckConstraint(
            "failure_kind IN ('dns', 'connect', 'tls', 'connect_timeout', 'network', 'protocol', 'timeout', 'timeout_start', 'rate_limited', 'capacity', 'provider_error', 'bad_response', 'bad_image', 'wrong_size', 'wrong_count', 'download', 'canceled', 'moderated_input', 'moderated_output', 'auth', 'payment', 'not_found', 'invalid_request', 'stopped', 'harness')",
            name=op.f("ck_attempt_failure_kind"),
        ),
        sa.CheckConstraint(
            "status <> 'succeeded' OR last_image_byte_ns IS NOT NULL",
            name=op.f("ck_attempt_success_is_timed"),
        ),
        sa.CheckConstraint("status IN ('intended', 'succeeded', 'failed', 'unknown')", name=op.f("ck_attempt_status")),
        sa.CheckConstraint("(cost_nano_usd IS NULL) = (cost_source IS NULL)", name=op.f("ck_attempt_cost_with_source")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_attempt_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_attempt_trial_id_number")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_started_at"), ["started_at"], unique=False)

    op.create_table(
        "call",
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("http_version", sa.String(), nullable=True),
        sa.Column("remote_address", sa.String(), nullable=True),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("connected_ns", sa.BigInteger(), nullable=True),
        sa.Column("request_sent_ns", sa.BigInteger(), nullable=True),
        sa.Column("headers_ns", sa.BigInteger(), nullable=True),
        sa.Column("first_byte_ns", sa.BigInteger(), nullable=True),
        sa.Column("ended_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("purpose IN ('submit', 'poll', 'result', 'download')", name=op.f("ck_call_purpose")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_call_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", "position", name=op.f("pk_call")),
    )
    op.create_table(
        "image",
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_image_attempt_id")),
        sa.ForeignKeyConstraint(["sha256"], ["artifact.sha256"], name=op.f("fk_image_sha256")),
        sa.PrimaryKeyConstraint("attempt_id", "position", name=op.f("pk_image")),
    )
    with op.batch_alter_table("image", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_image_sha256"), ["sha256"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("measurements are not taken back; restore a backup instead")
