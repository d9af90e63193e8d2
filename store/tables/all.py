"""Every table there is, so that whoever compares them with a database knows them all."""

from store.tables import alert, area, audit, draft, duty, intake, partner, person, sending, tip

__all__ = ["alert", "area", "audit", "draft", "duty", "intake", "partner", "person", "sending", "tip"]
