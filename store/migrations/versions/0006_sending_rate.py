"""The rate of each endpoint, shared by all that send."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sending_rate",
        sa.Column("endpoint", sa.String, primary_key=True),
        sa.Column("free_at", sa.Float(), nullable=False),
        sa.Column("end_asked_at", sa.Float(), nullable=False),
        sa.Column("alert_asked_at", sa.Float(), nullable=False),
        sa.Column("exercise_asked_at", sa.Float(), nullable=False),
        if_not_exists=True,
    )
