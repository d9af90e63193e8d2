"""From an edition to a text message in whole words, and what it costs.

Plate, tip number, warning and the address of the page are never cut: what gives way is the story, then the headline.
"""

from __future__ import annotations

from activities.endpoints import SmsServer
from activities.sms_text import ALONE, OF_SEVERAL, costly, encode, plain
from alerts.compose import vehicles
from alerts.edition import Edition
from alerts.fitting import cut_until
from alerts.vocabulary import Kind

PARTS = 4
"""Parts of a message that the story may fill: 612 characters of the GSM alphabet, or 268 others."""
_COST = {
    "nl": {"part": "deel per telefoon", "parts": "delen per telefoon", "because": "zonder deze tekens korter:"},
    "en": {"part": "part a phone", "parts": "parts a phone", "because": "shorter without these characters:"},
}


def message(edition: Edition, language: str, base_url: str, changed: str = "") -> str:
    """What a phone shows, in at most `PARTS` parts unless what is never cut takes more; `changed` begins the story."""
    text = edition.texts[language]
    head, story = plain(text.subject), plain(text.body)
    if edition.kind is not Kind.ACTUAL:
        story = story.removeprefix(f"{text.event.partition(': ')[0]}: ")
    call = text.ask if edition.kind is Kind.PUBLIC_TEST else f"{text.ask} {edition.tip_line}"
    if text.warning:
        story = story.replace(text.warning, "").strip()
    kept = [*vehicles(text, language), text.warning, call, f"{base_url}/a/{edition.alert_id}"]
    tail = [plain(line) for line in kept if line]
    if story in tail:
        story = ""

    def together(*lines: str) -> str:
        return "\n".join(line for line in (*lines, *tail) if line)

    def fits(*lines: str) -> bool:
        return len(encode(together(*lines)).parts) <= PARTS

    if not fits(head):
        head = cut_until(head, lambda some: len(encode(some).parts) == 1)
    story = changed + story if story else ""
    story = cut_until(story, lambda some: fits(head, some))
    return together(head, story if fits(head, story) and story not in ("...", f"{changed.strip()}...") else "")


def cost(text: str, server: SmsServer | None, language: str) -> str:
    """What one phone costs, for the approver: parts, alphabet, units of those there are, and money."""
    encoded, words, letters = encode(text), _COST[language], costly(text)
    number = len(encoded.parts)
    room = ALONE[encoded.alphabet] if number == 1 else OF_SEVERAL[encoded.alphabet] * number
    told = f"{number} {words['part' if number == 1 else 'parts']}, {encoded.alphabet}, {encoded.units}/{room}"
    if letters:
        told += f"; {words['because']} {' '.join(letters)}"
    if server and server.price:
        told += f"; {number} x € {server.price} = € {number * server.price}"
    return told
