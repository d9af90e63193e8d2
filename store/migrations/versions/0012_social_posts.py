"""What was said on social media, as proof, and what is still there to be taken away."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "social_post",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("ends", sa.Boolean, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("intent_at", moment, nullable=False),
        sa.Column("in_flight_until", moment),
        sa.Column("post_id", sa.String),
        sa.Column("url", sa.String),
        sa.Column("posted_at", moment),
        sa.Column("gone_at", moment),
        sa.Column("looked_at", moment),
        sa.Column("seen_at", moment),
        if_not_exists=True,
    )
    op.create_index("ix_social_post_alert_id", "social_post", ["alert_id"], if_not_exists=True)
