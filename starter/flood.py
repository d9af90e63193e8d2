"""How often the public may send us something: so often from one address, so often about one alert.

Counted by each web process, in memory: an address is kept as a hash that only this process can make, for an hour at
most. Behind one address may be a whole mobile network, so the limit stops a machine and not a crowd.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Flood:
    def __init__(self, address: str, alert: str) -> None:
        """Each as `limits` writes it, such as `"30/minute; 300/hour"`."""
        self._address = parse_many(address)
        self._alert = parse_many(alert)
        self._salt = os.urandom(16)
        self._counted = MovingWindowRateLimiter(MemoryStorage())

    def lets(self, address: str, alert_id: str) -> bool:
        """Whether one more may come, which is counted then; who is over his own limit uses up nobody else's."""
        return self._hit(self._address, self._hidden(address)) and self._hit(self._alert, alert_id)

    def _hit(self, items: list[RateLimitItem], whose: str) -> bool:
        if not all(self._counted.test(item, whose) for item in items):
            return False
        hits = [self._counted.hit(item, whose) for item in items]
        return all(hits)

    def _hidden(self, address: str) -> str:
        return hashlib.blake2b(_whole(address).encode(), key=self._salt, digest_size=16).hexdigest()


def _whole(address: str) -> str:
    """Whoever has one address of IPv6 has all of its /64."""
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return address
    if given.version == 4:
        return address
    mapped = given.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network(f"{given}/64", strict=False))
