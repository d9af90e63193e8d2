"""What Alembic runs: the missing steps, inside the transaction of the connection that `store.schema` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
