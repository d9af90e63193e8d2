"""Who says afterwards that they have an alert before them: recipients by receipt, screens by read-back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "seen_page",
        sa.Column("alert_id", sa.String, primary_key=True),
        sa.Column("channel", sa.String, primary_key=True),
        sa.Column("edition", sa.Integer, primary_key=True),
        sa.Column("page", sa.Integer, primary_key=True),
        sa.Column("bits", sa.LargeBinary, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "screen_showing",
        sa.Column("alert_id", sa.String, primary_key=True),
        sa.Column("screen", sa.String, primary_key=True),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
    op.create_index("screen_showing_of", "screen_showing", ["screen"], if_not_exists=True)
