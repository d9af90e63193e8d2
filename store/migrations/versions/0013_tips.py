"""What people tell about alerts, with photos."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tip",
        sa.Column("alert_id", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("from_child", sa.Boolean, nullable=False),
        sa.Column("same_as", sa.Integer),
        sa.Column("text_print", sa.String),
        sa.Column("photo_print", sa.String),
        sa.Column("received_at", moment, nullable=False),
        sa.Column("read_at", moment),
        sa.Column("mark", sa.String),
        sa.Column("passed_at", moment),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_index("tip_once", "tip", ["alert_id", "key"], unique=True, if_not_exists=True)
    op.create_index("tip_unread", "tip", ["alert_id", "read_at", "from_child"], if_not_exists=True)
    op.create_index("tip_repeats", "tip", ["alert_id", "same_as", "number"], if_not_exists=True)
    op.create_index("tip_by_text", "tip", ["text_print"], if_not_exists=True)
    op.create_index("tip_by_photo", "tip", ["photo_print"], if_not_exists=True)
    op.create_table(
        "tip_photo",
        sa.Column("alert_id", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        if_not_exists=True,
    )
