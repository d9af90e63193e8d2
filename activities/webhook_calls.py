"""Calls as Standard Webhooks has them: what is said, signed with each secret that is good, and what answers mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from activities.channels.base import Busy, Denied, NotSent, Outcome, Rejected, Unreachable, may_leave
from activities.endpoints import Partner
from activities.leaving import leaving
from activities.trust import public_authorities

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
ANSWER_WITHIN = 15.0
"""Seconds for a call as a whole: a partner that answers a byte at a time keeps every time-out of a read."""
PING = "baken.ping"
"""Says nothing: whoever answers with 2xx is there and knows our secret."""


class Caller:
    """Calls partners."""

    def __init__(self, answer_within: float = ANSWER_WITHIN) -> None:
        self._answer_within = answer_within
        self._trust = public_authorities()

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, verify=self._trust)

    async def call(
        self,
        client: httpx.AsyncClient,
        partner: Partner,
        message_id: str,
        event: Mapping[str, Any],
        still: Callable[[], bool] = lambda: True,
    ) -> Outcome:
        """One call; `still` is asked right before it leaves."""
        body = json.dumps(event, ensure_ascii=False)
        headers = {"content-type": "application/json", **signed(partner, message_id, body)}
        may_go = partial(may_leave, still)
        try:
            async with asyncio.timeout(self._answer_within):
                call = client.stream(
                    "POST", partner.url, content=body.encode(), headers=headers, extensions=leaving(may_go)
                )
                async with call as answer:  # its body is of no use to us, and may be endless
                    return _answered(partner, answer)
        except NotSent as kept:
            return kept
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Unreachable(f"{partner.name} does not answer")
        except httpx.RemoteProtocolError:
            return Unreachable(f"{partner.name}'s answer breaks off or makes no sense", in_doubt=True)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
            return Rejected(f"{partner.name}'s address is none that can be called")
        except (httpx.HTTPError, TimeoutError) as error:
            return Unreachable(f"{partner.name} went silent ({type(error).__name__})", in_doubt=True)


def event(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": kind, "timestamp": datetime.now(UTC).isoformat(), "data": data}


def signed(partner: Partner, message_id: str, body: str) -> dict[str, str]:
    """Its headers; several signatures stand in one, with a space between."""
    sent = datetime.now(UTC)
    signatures = (Webhook(secret).sign(msg_id=message_id, timestamp=sent, data=body) for secret in partner.secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _answered(partner: Partner, answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return Denied(f"{partner.name} does not accept our signature (401)")
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        after = answer.headers.get("retry-after", "")
        patience = min(float(after), 60.0) if after.isdecimal() else 1.0
        return Busy(f"{partner.name} asks for patience ({answer.status_code})", retry_after=patience)
    return Rejected(f"{partner.name} refused it ({answer.status_code})")
