"""Complaint cases: their messages, their history, compensation."""

import sqlalchemy as sa
from alembic import op

from store import base

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    pass
