"""A mail that asks people at a partner to take an alert down and to say so; nothing of a child is in it."""

from __future__ import annotations

import hashlib

from activities.endpoints import MailServer
from activities.one_mail import bring, letter
from activities.smtp import NoLine

_SUBJECT = "Haal het alert weg en bevestig het / Take the alert down and confirm it ({code})"
_TEXT = """\
{partner}: alert {code} is voorbij. Haal alles ervan weg, ook foto's. Bevestig het daarna met de knop op deze pagina:
{url}

{partner}: alert {code} is over. Take all of it down, photos too. Then confirm it with the button on this page:
{url}
"""
_EXERCISE = "OEFENING / EXERCISE: "


async def ask_to_confirm(
    server: MailServer, to: str, *, partner: str, alert_id: str, url: str, number: int, exercise: bool
) -> bool:
    """Send it; whether the server took it."""
    said = {"partner": partner, "code": alert_id[:8], "url": url}
    subject = (_EXERCISE if exercise else "") + _SUBJECT.format(**said)
    page = hashlib.sha256(url.encode()).hexdigest()[:12]
    mail = letter(server, to, subject, f"removal.{alert_id}.{page}.{number}")
    mail["Baken-Alert"], mail["Baken-Kind"], mail["Baken-Id"] = alert_id, "cancel", f"removal-{alert_id}-{number}"
    mail.set_content(_TEXT.format(**said), cte="quoted-printable")
    try:
        return await bring(server, to, mail)
    except NoLine:
        return False
