"""How many batches to each audience came to their end, so that an older copy of the store shows."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "finished_batches",
        sa.Column("alert_id", sa.String, primary_key=True),
        sa.Column("channel", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        if_not_exists=True,
    )
