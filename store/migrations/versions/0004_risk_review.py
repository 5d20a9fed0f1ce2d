"""Review items of flagged messages, what the same text is found by, alarms of groups."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("messages", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    op.add_column("messages", sa.Column("risk_cleared", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("messages", sa.Column("releases", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index(
        "ix_messages_fingerprint",
        "messages",
        ["community_id", "fingerprint", "sent_at"],
        unique=False,
        sqlite_where=sa.text("fingerprint IS NOT NULL"),
        postgresql_where=sa.text("fingerprint IS NOT NULL"),
    )
    op.add_column("deliveries", sa.Column("risk_id", sa.String(length=40), nullable=True))
    op.create_index("ix_deliveries_risk_id", "deliveries", ["risk_id"], unique=False)
    _items()
    _alarms()


def _items() -> None:
    op.create_table(
        "risk_items",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("member_id", sa.String(length=40), nullable=True),
        sa.Column("sender_role", sa.String(length=16), nullable=False),
        sa.Column("sent_at", _MOMENT, nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("labels", _JSON, nullable=False),
        sa.Column("label_names", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("offence", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("private_text", sa.Text(), nullable=True),
        sa.Column("rules_text", sa.Text(), nullable=True),
        sa.Column("sends_private", sa.Boolean(), nullable=False),
        sa.Column("sends_rules", sa.Boolean(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("alerted_at", _MOMENT, nullable=True),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("confirmed", sa.String(length=200), nullable=True),
        sa.Column("taken_action", sa.String(length=16), nullable=True),
        sa.Column("taken_minutes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_risk_items_community_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_risk_items_member_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_risk_items_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_items")),
        sa.UniqueConstraint("message_id", name=op.f("uq_risk_items_message_id")),
    )
    op.create_index("ix_risk_items_queue", "risk_items", ["status", "rank", "created_at", "id"], unique=False)
    op.create_index("ix_risk_items_newest", "risk_items", ["created_at", "id"], unique=False)
    op.create_index("ix_risk_items_member", "risk_items", ["member_id", "status", "sent_at"], unique=False)
    op.create_index("ix_risk_items_decided", "risk_items", ["decided_at"], unique=False)


def _alarms() -> None:
    op.create_table(
        "risk_alarms",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("baseline", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("peak", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_risk_alarms_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_alarms")),
    )
    op.create_index("ix_risk_alarms_opened", "risk_alarms", ["opened_at", "id"], unique=False)
    op.create_index(
        "uq_risk_alarms_open",
        "risk_alarms",
        ["community_id"],
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
