"""Which larger areas a municipality is part of, where people live, and where both came from."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

required = partial(sa.Column, nullable=False)


def upgrade() -> None:
    op.create_table(
        "area_member",
        sa.Column("area", sa.String, primary_key=True),
        sa.Column("municipality", sa.String, primary_key=True),
        if_not_exists=True,
    )
    op.create_table(
        "postcode",
        sa.Column("code", sa.String, primary_key=True),
        required("lon", sa.Float),
        required("lat", sa.Float),
        required("population", sa.Integer),
        if_not_exists=True,
    )
    op.create_table(
        "area_source",
        sa.Column("kind", sa.String, primary_key=True),
        required("source", sa.String),
        required("licence", sa.String),
        required("as_of", sa.String),
        required("imported_at", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
