"""Who is on duty, and the chain of who did what."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

required = partial(sa.Column, nullable=False)


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("user", sa.String, primary_key=True),
        required("person", sa.String),
        required("name", sa.String),
        required("roles", sa.String),
        required("public_key", sa.String),
        if_not_exists=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        required("at", sa.DateTime(timezone=True)),
        required("alert_id", sa.String),
        required("actor", sa.String),
        required("action", sa.String),
        required("verdict", sa.String),
        required("command_id", sa.String),
        required("sealed", sa.LargeBinary),
        required("previous", sa.String),
        required("hash", sa.String),
        if_not_exists=True,
    )
    op.create_index("ix_audit_alert_id", "audit", ["alert_id"], if_not_exists=True)
