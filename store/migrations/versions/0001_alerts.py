"""Alerts: what the public should see, what was prepared and published for it, and what commands wait."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

required = partial(sa.Column, nullable=False)
key = partial(sa.Column, primary_key=True)
create_table = partial(op.create_table, if_not_exists=True)
moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_table("meta", key("name", sa.String), required("value", sa.String))
    create_standing()
    create_prepared()
    create_published()
    create_table(
        "outbox",
        key("command_id", sa.String),
        required("alert_id", sa.String),
        required("action", sa.String),
        required("sealed", sa.LargeBinary),
        sa.Column("raised", sa.Integer),
        required("written_at", moment),
        sa.Column("signalled_at", moment),
        sa.Column("ruled_at", moment),
    )
    op.create_index("ix_outbox_alert_id", "outbox", ["alert_id"], if_not_exists=True)
    create_table(
        "alert_view",
        key("alert_id", sa.String),
        required("version", sa.Integer),
        required("stage", sa.String),
        required("kind", sa.String),
        required("programme", sa.String),
        required("started_at", moment),
        required("sealed", sa.LargeBinary),
    )
    op.create_index("ix_alert_view_stage", "alert_view", ["stage"], if_not_exists=True)


def create_standing() -> None:
    create_table(
        "alert_standing",
        key("alert_id", sa.String),
        required("kind", sa.String),
        required("programme", sa.String),
        required("revision", sa.Integer),
        required("dark_revision", sa.Integer),
        required("meaning", sa.String),
        sa.Column("edition", sa.Integer),
        sa.Column("digest", sa.String),
        sa.Column("why", sa.String),
        sa.Column("outcome_digest", sa.String),
        sa.Column("lease_until", moment),
        required("started_at", moment),
        required("changed_at", moment),
        sa.Column("shown_at", moment),
        sa.Column("closed_at", moment),
    )


def create_prepared() -> None:
    create_table(
        "edition",
        key("alert_id", sa.String),
        key("digest", sa.String),
        required("number", sa.Integer),
        required("sealed", sa.LargeBinary),
    )
    create_table(
        "rendition",
        key("alert_id", sa.String),
        key("digest", sa.String),
        key("channel", sa.String),
        required("sealed", sa.LargeBinary),
    )
    create_table(
        "media",
        key("alert_id", sa.String),
        key("sha256", sa.String),
        required("token", sa.String, unique=True),
        required("sealed", sa.LargeBinary),
    )
    create_table("edition_photo", key("alert_id", sa.String), key("digest", sa.String), key("token", sa.String))


def create_published() -> None:
    create_table(
        "publication",
        key("alert_id", sa.String),
        key("channel", sa.String),
        key("name", sa.String),
        required("revision", sa.Integer),
        required("content_type", sa.String),
        required("etag", sa.String),
        required("published_at", moment),
        required("sealed", sa.LargeBinary),
    )
    create_table(
        "cap_message",
        key("alert_id", sa.String),
        key("n", sa.Integer),
        required("identifier", sa.String),
        required("sent", sa.String),
        required("message_type", sa.String),
        required("revision", sa.Integer),
        required("expires", moment),
        required("intent_at", moment),
        sa.Column("published_at", moment),
        required("sealed", sa.LargeBinary),
    )
