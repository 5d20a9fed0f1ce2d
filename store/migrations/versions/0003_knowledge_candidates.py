"""Group types and sources of entries, candidates of the knowledge base, remembered columns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("knowledge_entries", sa.Column("last_hit_at", _MOMENT, nullable=True))
    op.add_column("knowledge_entries", sa.Column("group_types", _JSON, nullable=False, server_default="[]"))
    op.add_column("knowledge_entries", sa.Column("source", sa.String(length=500), nullable=True))
    _candidates()
    _evidence()
    op.create_table(
        "knowledge_column_maps",
        sa.Column("signature", sa.String(length=64), nullable=False),
        sa.Column("columns", _JSON, nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_knowledge_column_maps")),
    )


def _candidates() -> None:
    op.create_table(
        "knowledge_candidates",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.String(length=80), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_asked_at", _MOMENT, nullable=False),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_knowledge_candidates_community_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_candidates")),
    )
    op.create_index(
        "ix_knowledge_candidates_status", "knowledge_candidates", ["status", "community_id", "count"], unique=False
    )


def _evidence() -> None:
    op.create_table(
        "knowledge_candidate_asked",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("candidate_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_knowledge_candidate_asked_message_id")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["knowledge_candidates.id"], name=op.f("fk_knowledge_candidate_asked_candidate_id")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_knowledge_candidate_asked")),
    )
    op.create_index(
        "ix_knowledge_candidate_asked_candidate_id", "knowledge_candidate_asked", ["candidate_id"], unique=False
    )
    op.create_table(
        "knowledge_candidate_answers",
        sa.Column("candidate_id", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["knowledge_candidates.id"], name=op.f("fk_knowledge_candidate_answers_candidate_id")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_knowledge_candidate_answers_message_id")
        ),
        sa.PrimaryKeyConstraint("candidate_id", "source_id", name=op.f("pk_knowledge_candidate_answers")),
    )
