"""Every table there is, so that `Database.create_tables` knows them all."""

from store.tables import alert, area, audit, person, sending

__all__ = ["alert", "area", "audit", "person", "sending"]
