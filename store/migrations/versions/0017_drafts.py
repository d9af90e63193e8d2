"""Drafts of alerts, with their photos and the links by which a parent adds to them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("door", sa.String, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("page", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("ended", sa.String, nullable=False),
        sa.Column("touched_at", moment, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_draft_owner", "draft", ["owner"], if_not_exists=True)
    op.create_table(
        "draft_photo",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("draft_id", sa.String, nullable=False),
        sa.Column("child", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("crop", sa.String, nullable=False),
        sa.Column("parents", sa.Boolean, nullable=False),
        sa.Column("added_at", moment, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_draft_photo_draft_id", "draft_photo", ["draft_id"], if_not_exists=True)
    op.create_table(
        "intake_link",
        sa.Column("word_sha256", sa.String, primary_key=True),
        sa.Column("draft_id", sa.String, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("used_at", moment),
        sa.Column("sealed", sa.LargeBinary),
        if_not_exists=True,
    )
    op.create_index("ix_intake_link_draft_id", "intake_link", ["draft_id"], if_not_exists=True)
