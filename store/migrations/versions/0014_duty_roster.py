"""Who is on duty, where each supervisor is called, and what each was called about."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

required = partial(sa.Column, nullable=False)
key = partial(sa.Column, primary_key=True)
moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "duty_shift",
        key("id", sa.Integer),
        required("user", sa.String),
        required("begins_at", moment),
        required("until", moment),
        sa.Column("begun_at", moment),
        sa.Column("ended_at", moment),
        required("relieves", sa.String),
        if_not_exists=True,
    )
    op.create_index("ix_duty_shift_user", "duty_shift", ["user"], if_not_exists=True)
    op.create_table(
        "duty_address",
        key("digest", sa.String),
        required("user", sa.String),
        required("way", sa.String),
        required("language", sa.String),
        required("sealed", sa.LargeBinary),
        if_not_exists=True,
    )
    op.create_index("ix_duty_address_user", "duty_address", ["user"], if_not_exists=True)
    op.create_table(
        "duty_call",
        key("alert_id", sa.String),
        key("about", sa.String),
        key("n", sa.Integer),
        key("address", sa.String),
        required("user", sa.String),
        required("way", sa.String),
        required("at", moment),
        if_not_exists=True,
    )
