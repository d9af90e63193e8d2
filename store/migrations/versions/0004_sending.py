"""Sending: who can be reached, the frozen audience of an alert, and the ledger of what each got."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

required = partial(sa.Column, nullable=False)
key = partial(sa.Column, primary_key=True)
create_table = partial(op.create_table, if_not_exists=True)
create_index = partial(op.create_index, if_not_exists=True)
moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_subscribers()
    create_audience()
    create_ledger()
    create_table(
        "channel_trouble",
        key("alert_id", sa.String),
        key("channel", sa.String),
        required("error", sa.String),
        required("since", moment),
        required("attempts", sa.Integer),
    )


def create_subscribers() -> None:
    create_table(
        "subscriber",
        key("id", sa.Integer),
        required("channel", sa.String),
        required("fingerprint", sa.LargeBinary),
        required("sealed_address", sa.LargeBinary),
        required("language", sa.String),
        required("areas", sa.String),
        required("exercise", sa.Boolean),
        required("paused", sa.Boolean),
        required("since", moment),
        sa.Column("left_at", moment),
        sqlite_autoincrement=True,
    )
    away = sa.text("(left_at IS NOT NULL OR paused)")
    create_index("subscriber_once", "subscriber", ["channel", "exercise", "fingerprint"], unique=True)
    create_index("subscriber_joined", "subscriber", ["channel", "exercise", "id"])
    create_index("subscriber_away", "subscriber", ["id"], sqlite_where=away, postgresql_where=away)
    create_table("subscriber_area", key("code", sa.String), key("subscriber_id", sa.Integer), sqlite_with_rowid=False)


def create_audience() -> None:
    create_table(
        "audience",
        key("alert_id", sa.String),
        key("channel", sa.String),
        required("size", sa.Integer),
        required("pages", sa.Integer),
        required("areas", sa.String),
        required("last_subscriber", sa.Integer),
    )
    create_table(
        "audience_page",
        key("alert_id", sa.String),
        key("channel", sa.String),
        key("number", sa.Integer),
        required("start", sa.Integer),
        required("count", sa.Integer),
        required("first_subscriber", sa.Integer),
        required("last_subscriber", sa.Integer),
        required("sealed", sa.LargeBinary),
    )


def create_ledger() -> None:
    create_table(
        "ledger",
        key("id", sa.Integer),
        required("alert_id", sa.String),
        required("channel", sa.String),
        required("purpose", sa.String),
        required("edition", sa.Integer),
        required("announcement", sa.Integer),
        required("start", sa.Integer),
        required("revision", sa.Integer),
        required("intent_at", moment),
        required("intended", sa.LargeBinary),
        required("messages", sa.Integer),
        sa.Column("outcomes", sa.LargeBinary),
        required("reached", sa.Integer),
        required("failed", sa.Integer),
        required("in_doubt", sa.Integer),
        sa.Column("first_at", moment),
        sa.Column("last_at", moment),
    )
    once = ["alert_id", "channel", "start", "edition", "announcement", "purpose"]
    create_index("ledger_key", "ledger", once, unique=True)
