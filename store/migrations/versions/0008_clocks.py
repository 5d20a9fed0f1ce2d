"""Reply clocks and who is on duty."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _clocks()
    _duty()
    _notices()


def _clocks() -> None:
    op.create_table(
        "reply_clocks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=40), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("runs_since", _MOMENT, nullable=False),
        sa.Column("warn_seconds", sa.Integer(), nullable=False),
        sa.Column("limit_seconds", sa.Integer(), nullable=False),
        sa.Column("step_seconds", sa.Integer(), nullable=False),
        sa.Column("used_seconds", sa.Float(), nullable=False),
        sa.Column("warn_at", _MOMENT, nullable=True),
        sa.Column("respond_by", _MOMENT, nullable=True),
        sa.Column("paused_at", _MOMENT, nullable=True),
        sa.Column("warned_at", _MOMENT, nullable=True),
        sa.Column("breached_at", _MOMENT, nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("stepped_at", _MOMENT, nullable=True),
        sa.Column("stopped_at", _MOMENT, nullable=True),
        sa.Column("stopped_by", sa.String(length=40), nullable=True),
        sa.Column("why", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_reply_clocks_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply_clocks")),
    )
    op.create_index("ix_reply_clocks_object", "reply_clocks", ["kind", "object_id", "id"], unique=False)
    op.create_index(
        "ix_reply_clocks_open",
        "reply_clocks",
        ["respond_by", "id"],
        unique=False,
        sqlite_where=sa.text("stopped_at IS NULL"),
        postgresql_where=sa.text("stopped_at IS NULL"),
    )
    op.create_index("ix_reply_clocks_started", "reply_clocks", ["started_at", "community_id"], unique=False)
    op.create_index(
        "uq_reply_clocks_running",
        "reply_clocks",
        ["kind", "object_id"],
        unique=True,
        sqlite_where=sa.text("stopped_at IS NULL"),
        postgresql_where=sa.text("stopped_at IS NULL"),
    )


def _duty() -> None:
    op.create_table(
        "duty",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("shift", sa.String(length=11), nullable=False),
        sa.Column("added_by", sa.String(length=40), nullable=False),
        sa.Column("added_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_duty_community_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_duty_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
    )
    op.create_index("ix_duty_community", "duty", ["community_id", "day"], unique=False)
    op.create_index(op.f("ix_duty_user_id"), "duty", ["user_id"], unique=False)


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("object_kind", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.String(length=40), nullable=False),
        sa.Column("cause_id", sa.String(length=40), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=True),
        sa.Column("over_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_notices_community_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("user_id", "kind", "cause_id", "step", name=op.f("uq_notices_user_id_kind_cause_id_step")),
    )
    op.create_index("ix_notices_object", "notices", ["object_kind", "object_id"], unique=False)
    op.create_index(
        "ix_notices_open",
        "notices",
        ["user_id", "id"],
        unique=False,
        sqlite_where=sa.text("seen_at IS NULL AND over_at IS NULL"),
        postgresql_where=sa.text("seen_at IS NULL AND over_at IS NULL"),
    )
