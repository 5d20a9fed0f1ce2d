"""What a language model made of messages that the screening was unsure of."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("messages", sa.Column("risk_judged", sa.String(length=16), nullable=True))
    op.add_column("risk_items", sa.Column("model", sa.String(length=16), nullable=True))
