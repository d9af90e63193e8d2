"""Pages of an audience are found by where they start and by whom they hold, in the same time whatever its size."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    page = "audience_page", ["alert_id", "channel"]
    op.create_index("audience_page_from", page[0], [*page[1], "start"], unique=True, if_not_exists=True)
    who = [*page[1], "first_subscriber", "last_subscriber"]
    op.create_index("audience_page_with", page[0], who, if_not_exists=True)
