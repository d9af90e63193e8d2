"""How the tables of a store came to be what they are, step by step (Alembic), for SQLite and PostgreSQL alike.

A step that was released is never changed. The first four make what is missing only, so that a store made before
there were migrations is taken over as it is.
"""
