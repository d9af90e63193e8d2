"""Imported areas of the country."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

required = partial(sa.Column, nullable=False)


def upgrade() -> None:
    op.create_table(
        "area",
        sa.Column("code", sa.String, primary_key=True),
        required("kind", sa.String),
        required("name", sa.String),
        required("population", sa.Integer),
        required("polygons", sa.String),
        if_not_exists=True,
    )
    op.create_index("ix_area_kind", "area", ["kind"], if_not_exists=True)
