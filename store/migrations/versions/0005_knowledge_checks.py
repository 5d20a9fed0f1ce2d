"""Reports of the regular check of the knowledge base's own wording."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "knowledge_checks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("by", sa.String(length=40), nullable=False),
        sa.Column("slot", sa.String(length=40), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("findings", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_checks")),
        sa.UniqueConstraint("slot", name=op.f("uq_knowledge_checks_slot")),
    )
    op.create_index("ix_knowledge_checks_at", "knowledge_checks", ["at"], unique=False)
