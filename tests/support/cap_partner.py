"""A partner's system that knows docs/channels/cap.md and nothing else of Baken."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import httpx
from lxml import etree  # type: ignore[import-untyped]
from signxml.verifier import XMLVerifier

from tests.support.cap import texts

ATOM = {"a": "http://www.w3.org/2005/Atom"}


class CapPartner:
    """Polls the feed, fetches what it does not know yet, oldest first, and follows references."""

    def __init__(self, site: httpx.AsyncClient) -> None:
        self._site = site
        self._certificate = ""
        self._known: set[str] = set()
        self._in_force: dict[str, datetime] = {}
        """When each message that it shows expires, by the name that others refer to it with."""

    async def poll(self) -> None:
        self._certificate = self._certificate or (await self._site.get("/feeds/cap.pem")).text
        feed = ElementTree.fromstring((await self._site.get("/feeds/cap.atom")).content)
        for entry in reversed(feed.findall("a:entry", ATOM)):
            (link,) = entry.findall("a:link[@type='application/cap+xml']", ATOM)
            identifier = str(entry.findtext("a:id", namespaces=ATOM))
            if identifier not in self._known:
                self._known.add(identifier)
                answer = await self._site.get(link.attrib["href"])
                assert answer.status_code == 200, "the feed tells of nothing that cannot be read"
                self._take(answer.content)

    def shows(self, now: datetime) -> set[str]:
        return {name for name, expires in self._in_force.items() if expires > now}

    def _take(self, xml: bytes) -> None:
        signed: Any = XMLVerifier().verify(etree.fromstring(xml), x509_cert=self._certificate)
        message = ElementTree.fromstring(signed.signed_data)
        for name in " ".join(texts(message, "cap:references")).split():
            self._in_force.pop(name, None)
        if texts(message, "cap:msgType") != ["Cancel"]:
            name = ",".join(texts(message, f"cap:{part}")[0] for part in ("sender", "identifier", "sent"))
            self._in_force[name] = datetime.fromisoformat(texts(message, "cap:info/cap:expires")[0])
