"""What each operator's network was told of an alert by cell broadcast, so that changes and ends refer to just that."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "network_message",
        sa.Column("alert_id", sa.String, primary_key=True),
        sa.Column("network", sa.String, primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("identifier", sa.String, nullable=False),
        sa.Column("sent", sa.String, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("cancels", sa.Boolean, nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String, nullable=False),
        if_not_exists=True,
    )
