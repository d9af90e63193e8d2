"""Numbers of subscribers who have another one now, so that no frozen audience counts anybody twice."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table("former_number", sa.Column("subscriber_id", sa.Integer, primary_key=True), if_not_exists=True)
