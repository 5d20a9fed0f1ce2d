"""Complaint cases: their messages, their history, compensation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _cases()
    _messages()
    _events()
    _compensations()


def _cases() -> None:
    op.create_table(
        "complaint_cases",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=90), nullable=False),
        sa.Column("member_id", sa.String(length=40), nullable=True),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("engine", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=True),
        sa.Column("routed_to", sa.String(length=16), nullable=True),
        sa.Column("incident_id", sa.String(length=40), nullable=True),
        sa.Column("respond_by", _MOMENT, nullable=True),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("acknowledged_at", _MOMENT, nullable=True),
        sa.Column("resolved_at", _MOMENT, nullable=True),
        sa.Column("told_at", _MOMENT, nullable=True),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("result_original", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_complaint_cases_community_id")),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_complaint_cases_member_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_complaint_cases_message_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_complaint_cases_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_cases")),
    )
    for name, columns in (
        ("ix_complaint_cases_state", ["state", "community_id", "opened_at"]),
        ("ix_complaint_cases_member", ["member_id", "state"]),
        ("ix_complaint_cases_topic", ["community_id", "opened_at"]),
        ("ix_complaint_cases_incident_id", ["incident_id"]),
    ):
        op.create_index(name, "complaint_cases", columns, unique=False)


def _messages() -> None:
    op.create_table(
        "complaint_case_messages",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_cases.id"], name=op.f("fk_complaint_case_messages_case_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_complaint_case_messages_message_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_complaint_case_messages")),
    )
    op.create_index("ix_complaint_case_messages_case_id", "complaint_case_messages", ["case_id"], unique=False)


def _events() -> None:
    op.create_table(
        "complaint_case_events",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=True),
        sa.Column("to_state", sa.String(length=16), nullable=True),
        sa.Column("details", _JSON, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("note_original", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_cases.id"], name=op.f("fk_complaint_case_events_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_case_events")),
    )
    op.create_index("ix_complaint_case_events_case", "complaint_case_events", ["case_id", "id"], unique=False)


def _compensations() -> None:
    op.create_table(
        "compensations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("proposed_by", sa.String(length=40), nullable=False),
        sa.Column("proposed_at", _MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["complaint_cases.id"], name=op.f("fk_compensations_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compensations")),
    )
    op.create_index("ix_compensations_case_id", "compensations", ["case_id"], unique=False)
