"""Partners that are added while Baken runs, and what each has still to take down."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

required = partial(sa.Column, nullable=False)
key = partial(sa.Column, primary_key=True)
moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "partner",
        key("name", sa.String),
        required("exercise", sa.Boolean),
        required("sealed", sa.LargeBinary),
        required("paused", sa.Boolean),
        required("touched_by", sa.String),
        required("added_at", moment),
        if_not_exists=True,
    )
    op.create_table(
        "removal",
        key("alert_id", sa.String),
        key("partner", sa.String),
        required("exercise", sa.Boolean),
        required("told_by", sa.String),
        required("told_at", moment),
        required("reminders", sa.Integer),
        sa.Column("reminded_at", moment),
        sa.Column("removed_at", moment),
        if_not_exists=True,
    )
