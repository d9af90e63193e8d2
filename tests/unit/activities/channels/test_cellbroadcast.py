"""Cell broadcast: each network is told what it has to be told, by A or by B, and nothing that it does not have."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import socket
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from activities import cell_steps
from activities.cell_network import Refused
from activities.channels.base import ChannelError, Denied, Rejected, Unreachable
from activities.channels.cellbroadcast import CellBroadcastChannel
from activities.endpoints import (
    ChannelsConfig,
    ChannelsFile,
    ExerciseChannels,
    LiveChannels,
    LiveNetwork,
    NotOnLoopback,
    require_loopback,
)
from alerts.vocabulary import Kind, Meaning
from simulators.tls import CLIENT, server_context
from store import network_messages
from store.database import Database
from store.network_messages import State
from store.standing import Superseded
from tests.support.editions import BASE_URL, ShownAlert, case_document, make_edition
from tests.support.networks import Networks, networks, without_b
from tests.support.stores import new_store

PATIENT = 30.0
"""Seconds: a machine that tests may be slow, and these ask who is told what."""
NORTH, SOUTH = "noordnet", "zuidnet"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Networks]:
    with networks(tmp_path_factory.mktemp("networks"), NORTH, SOUTH) as both:
        yield both


@pytest.fixture
def both(running: Networks) -> Iterator[Networks]:
    yield running
    running.mend()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    db = new_store(tmp_path_factory.mktemp("store") / "baken.db")
    yield db
    db.close()


@pytest.fixture
def alert(store: Database, both: Networks) -> ShownAlert:
    return on_networks(store, both)


def on_networks(db: Database, both: Networks, **config: Any) -> ShownAlert:
    """One of its own on both networks; its clock is the real one, for the phones have no other."""
    live = LiveChannels(cellbroadcast=config.pop("live", both.live))
    endpoints = ChannelsConfig(channels=live, exercise=ExerciseChannels(cellbroadcast=both.exercise))
    channel = CellBroadcastChannel(db, lambda: datetime.now(UTC), BASE_URL, endpoints, within=PATIENT)
    made = ShownAlert(db, alert_id=uuid.uuid4().hex[:8], channels={"cellbroadcast": channel}, **config)
    made.now = datetime.now(UTC)
    return made


def publish(alert: ShownAlert) -> ChannelError | None:
    """What is wrong, if anything is."""
    try:
        alert.publish("cellbroadcast")
    except ChannelError as error:
        return error
    return None


def change(alert: ShownAlert, number: int = 2) -> None:
    alert.show(alert.make(case_document(public={"situation": f"Zij droeg jas nummer {number}."}), number=number))


def end(alert: ShownAlert) -> ChannelError | None:
    alert.end(Meaning.WITHDRAWN)
    return take_down(alert)


def take_down(alert: ShownAlert) -> ChannelError | None:
    try:
        alert.take_down("cellbroadcast")
    except ChannelError as error:
        return error
    return None


def states(alert: ShownAlert, name: str) -> list[str]:
    with alert.db.read() as session:
        return [message.state for message in network_messages.messages(session, alert.alert_id, name)]


def test_networks_when_all_is_well_get_alert_update_and_cancel_and_acknowledge_each(
    db: Database, both: Networks
) -> None:
    alert = on_networks(db, both)
    alert.show()
    assert publish(alert) is None
    change(alert)
    assert publish(alert) is None
    assert "jas nummer 2" in both.shows(SOUTH, alert.alert_id)["texts"]["nl"]
    assert end(alert) is None
    for name in (NORTH, SOUTH):
        assert both.told(name, alert.alert_id) == ["alert", "update", "cancel"]
        assert states(alert, name) == [State.ACKNOWLEDGED] * 3
        shown = both.shows(name, alert.alert_id)
        assert (shown["up"], "Noor" in str(shown)) == (False, False)
        assert shown["texts"]["nl"].startswith("Dit alert is beëindigd.")


def test_network_when_told_again_hears_it_once(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    assert publish(alert) is publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert"]


def test_refresh_when_it_renews_lengthens_the_broadcast_without_a_word(alert: ShownAlert, both: Networks) -> None:
    alert.show(lease=timedelta(minutes=10))
    publish(alert)
    alert.renew(lease=timedelta(minutes=30))
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "refresh"]


def test_network_when_it_cannot_be_trusted_has_said_nothing_and_is_told_of_the_end_once_it_can(
    store: Database, both: Networks, tmp_path: Path
) -> None:
    alert = on_networks(store, both)
    alert.show()
    publish(alert)
    in_doubt(alert, NORTH)
    server_context(tmp_path)
    strange = tuple(one.model_copy(update={"authority": str(tmp_path / "ca.pem")}) for one in both.live)
    wrong = on_networks(store, both, live=strange).channels
    right, alert.channels = alert.channels, wrong
    error = end(alert)
    assert f"{NORTH}: A shows a certificate that is not trusted" in str(error)
    assert both.told(NORTH, alert.alert_id) == ["alert"]
    alert.channels = right
    assert take_down(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "cancel"]


@pytest.mark.parametrize("mode", ["down", "error", "malformed", "denied", "slow"])
def test_address_a_when_it_fails_leaves_it_to_b(alert: ShownAlert, both: Networks, mode: str) -> None:
    both.fault(NORTH, mode, at="a")
    alert.show()
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == both.told(SOUTH, alert.alert_id) == ["alert"]


@pytest.mark.parametrize(
    ("mode", "kind", "said"),
    [
        ("down", Unreachable, "A does not answer; B does not answer"),
        ("error", Unreachable, r"A asks for patience \(503\)"),
        ("malformed", Unreachable, r"A gives an answer that makes no sense \(WRONG_VERSION_NUMBER\)"),
        ("denied", Denied, r"B does not accept our certificate \(403\)"),
        ("reject", Rejected, rf"refused it; the operator knows why, under \w+\.cellbroadcast\.1\.0\.{NORTH}"),
    ],
)
def test_network_when_both_addresses_fail_is_named_and_delays_no_other(
    alert: ShownAlert, both: Networks, mode: str, kind: type[ChannelError], said: str
) -> None:
    both.fault(NORTH, mode)
    alert.show()
    with pytest.raises(kind, match=rf"^{NORTH}: .*{said}"):
        alert.publish("cellbroadcast")
    assert both.told(SOUTH, alert.alert_id) == ["alert"]
    assert states(alert, NORTH) == [State.DOUBT if mode == "error" else State.MISSED]
    assert states(alert, SOUTH) == [State.ACKNOWLEDGED]
    both.mend()
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == both.told(SOUTH, alert.alert_id) == ["alert"]


def test_network_that_missed_the_alert_gets_an_alert_and_not_an_update(alert: ShownAlert, both: Networks) -> None:
    both.fault(NORTH, "down")
    alert.show()
    publish(alert)
    both.mend()
    change(alert)
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert"]
    assert both.told(SOUTH, alert.alert_id) == ["alert", "update"]


def test_network_that_has_nothing_gets_no_cancel(alert: ShownAlert, both: Networks) -> None:
    both.fault(NORTH, "down")
    alert.show()
    publish(alert)
    assert end(alert) is None  # though it is still away
    both.mend()
    assert both.told(NORTH, alert.alert_id) == []
    assert both.told(SOUTH, alert.alert_id) == ["alert", "cancel"]


def test_network_behind_an_error_of_its_gateway_may_have_it_and_is_told_of_the_end(
    store: Database, both: Networks
) -> None:
    alert = on_networks(store, both, live=(both.behind_a_gateway(NORTH),))
    right = on_networks(store, both).channels
    alert.show()
    assert f"{NORTH}: A asks for patience (502)" in str(publish(alert))
    assert both.told(NORTH, alert.alert_id) == ["alert"]
    alert.channels = right
    assert end(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "cancel"]


def test_hold_whose_cancel_may_have_come_does_not_keep_found_open(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    publish(alert)
    alert.end(Meaning.HELD)
    take_down(alert)
    in_doubt(alert, NORTH)
    assert end(alert) is None
    assert both.told(NORTH, alert.alert_id) == both.told(SOUTH, alert.alert_id) == ["alert", "cancel"]


def test_hold_whose_cancel_never_came_is_made_good_by_found(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    publish(alert)
    alert.end(Meaning.HELD)
    both.fault(NORTH, "error")
    take_down(alert)
    both.mend()
    assert both.told(NORTH, alert.alert_id) == ["alert"]
    assert end(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "cancel"]


def test_sender_that_was_frozen_takes_no_acknowledgement_back(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    job = alert.job("cellbroadcast", alert.desired)
    lease = job.desired.lease_until
    assert lease is not None
    with alert.db.write() as session:
        frozen = cell_steps.to_show(session, job, both.live[0], lease, datetime.now(UTC))
    assert frozen is not None
    assert publish(alert) is None
    for heard in (Unreachable("does not answer"), Refused("refused it")):
        with alert.db.write() as session:
            cell_steps.note(session, frozen, heard)
        assert states(alert, NORTH) == [State.ACKNOWLEDGED]


def test_network_when_held_and_shown_again_gets_an_alert_of_its_own(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    publish(alert)
    alert.end(Meaning.HELD)
    assert take_down(alert) is None
    alert.show()
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "cancel", "alert"]


def test_network_when_in_doubt_is_told_of_the_end(alert: ShownAlert, both: Networks) -> None:
    both.fault(NORTH, "cut")
    alert.show()
    error = publish(alert)
    both.mend()
    assert end(alert) is None
    told = both.told(NORTH, alert.alert_id)
    assert (error is None) == (states(alert, NORTH)[0] == State.ACKNOWLEDGED)
    assert told[-1:] in (["cancel"], [])
    assert states(alert, NORTH)[-1] == State.ACKNOWLEDGED


def in_doubt(alert: ShownAlert, name: str) -> None:
    """As a process that was killed after it sent, or right before, leaves it."""
    with alert.db.write() as session:
        message = network_messages.messages(session, alert.alert_id, name)[-1]
        message.state = State.DOUBT
        session.add(message)


def test_update_of_what_a_network_never_got_comes_as_an_alert(alert: ShownAlert, both: Networks) -> None:
    both.fault(NORTH, "down")
    alert.show()
    publish(alert)
    both.mend()
    in_doubt(alert, NORTH)
    change(alert)
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert"]
    assert states(alert, NORTH) == [State.MISSED, State.ACKNOWLEDGED]


def test_update_of_what_a_network_got_unknown_to_us_comes_as_an_update(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    publish(alert)
    in_doubt(alert, NORTH)
    change(alert)
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "update"]


def test_alert_after_a_cancel_in_doubt_is_an_alert_where_the_cancel_came(alert: ShownAlert, both: Networks) -> None:
    alert.show()
    publish(alert)
    alert.end(Meaning.HELD)
    take_down(alert)
    in_doubt(alert, NORTH)
    change(alert)
    assert publish(alert) is None
    assert both.told(NORTH, alert.alert_id) == ["alert", "cancel", "alert"]


def test_cancel_of_what_a_network_never_got_is_done_when_it_says_so(alert: ShownAlert, both: Networks) -> None:
    both.fault(NORTH, "down")
    alert.show()
    publish(alert)
    both.mend()
    in_doubt(alert, NORTH)
    assert end(alert) is None
    assert both.told(NORTH, alert.alert_id) == []


def test_publication_when_overtaken_by_found_stays_here(alert: ShownAlert, both: Networks) -> None:
    late = alert.show()
    alert.dark_at_once(Meaning.WITHDRAWN)
    with pytest.raises(Superseded):
        alert.publish("cellbroadcast", late)
    assert both.told(NORTH, alert.alert_id) == []


def test_publication_when_its_lease_is_over_stays_here(alert: ShownAlert, both: Networks) -> None:
    alert.show(lease=timedelta(seconds=-1))
    with pytest.raises(Superseded):
        alert.publish("cellbroadcast")
    assert both.told(NORTH, alert.alert_id) == []


def test_network_when_it_has_one_address_alone_is_told_by_that(store: Database, both: Networks) -> None:
    alert = on_networks(store, both, live=tuple(map(without_b, both.live)))
    alert.show()
    assert publish(alert) is None
    both.fault(NORTH, "down")
    change(alert)
    with pytest.raises(Unreachable, match=f"{NORTH}: A does not answer$"):
        alert.publish("cellbroadcast")


def test_network_when_taken_out_of_the_configuration_is_named_until_its_lease_ends(
    alert: ShownAlert, both: Networks
) -> None:
    alert.show()
    publish(alert)
    less = ChannelsConfig(channels=LiveChannels(cellbroadcast=both.live[1:]))
    alert.channels = {"cellbroadcast": CellBroadcastChannel(alert.db, lambda: datetime.now(UTC), BASE_URL, less)}
    alert.end(Meaning.WITHDRAWN)
    with pytest.raises(Rejected, match=f"^{NORTH} may show it until the lease ends"):
        alert.take_down("cellbroadcast")
    assert both.told(SOUTH, alert.alert_id) == ["alert", "cancel"]


def test_exercise_when_shown_says_so_and_goes_to_networks_of_exercises(store: Database, both: Networks) -> None:
    alert = on_networks(store, both, kind=Kind.EXERCISE, live=())
    alert.show()
    assert publish(alert) is None
    assert both.shows(NORTH, alert.alert_id)["texts"]["nl"].startswith("OEFENING: AMBER Alert")


def test_channel_when_no_network_is_configured_says_so(store: Database, both: Networks) -> None:
    alert = on_networks(store, both, live=())
    alert.show()
    with pytest.raises(Rejected, match="no network is configured for actual alerts"):
        alert.publish("cellbroadcast")
    assert end(alert) is None


async def test_probe_when_all_is_well_is_silent_and_else_names_network_and_address(
    alert: ShownAlert, both: Networks
) -> None:
    channel = alert.channels["cellbroadcast"]
    assert await channel.probe(Kind.ACTUAL) is None
    both.fault(SOUTH, "down", at="b")
    assert await channel.probe(Kind.ACTUAL) == f"{SOUTH} B does not answer"


async def test_probe_of_silent_networks_holds_up_nothing_else(store: Database, both: Networks) -> None:
    number = 2 * (os.cpu_count() or 1) + 4
    with socket.create_server(("127.0.0.1", 0), backlog=2 * number) as silent:
        there = f"https://127.0.0.1:{silent.getsockname()[1]}/cap"
        live = tuple(both.live[0].model_copy(update={"name": f"n{n}", "a": there, "b": None}) for n in range(number))
        channel = CellBroadcastChannel(
            store,
            lambda: datetime.now(UTC),
            BASE_URL,
            ChannelsConfig(channels=LiveChannels(cellbroadcast=live)),
            within=PATIENT,
        )
        probing = asyncio.create_task(channel.probe(Kind.ACTUAL))
        await asyncio.sleep(0.5)
        await asyncio.wait_for(asyncio.to_thread(int), PATIENT / 6)
        assert not probing.done()
    assert "n0 A " in str(await probing)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"authority": None}, "shows a certificate that is not trusted"),
        ({"key": "missing.pem"}, "our certificate's files are of no use"),
    ],
)
async def test_files_when_wrong_are_said_to_be(
    store: Database, both: Networks, files: dict[str, str | None], said: str
) -> None:
    live = (both.live[0].model_copy(update=files),)
    trouble = await on_networks(store, both, live=live).channels["cellbroadcast"].probe(Kind.ACTUAL)
    assert said in str(trouble)


async def test_certificate_when_of_another_authority_is_said_to_be_refused(
    store: Database, both: Networks, tmp_path: Path
) -> None:
    server_context(tmp_path)  # another authority of the same name
    stranger = str(tmp_path / CLIENT)
    with handshakes(both.tls) as port:
        network = LiveNetwork(
            name=NORTH,
            a=f"https://127.0.0.1:{port}/cap",
            certificate=stranger,
            key=stranger,
            authority=both.live[0].authority,
        )
        trouble = await on_networks(store, both, live=(network,)).channels["cellbroadcast"].probe(Kind.ACTUAL)
    assert re.fullmatch(rf"{NORTH} A does not accept our certificate \(\w*ALERT_DECRYPT_ERROR\)", str(trouble))


def test_networks_when_somebody_has_no_certificate_let_him_not_in(both: Networks) -> None:
    trusting = ssl.create_default_context(cafile=both.live[0].authority)
    with httpx.Client(verify=trusting, trust_env=False) as stranger, pytest.raises(httpx.TransportError):
        stranger.post(both.live[0].a, content=b"")


@contextmanager
def handshakes(tls: ssl.SSLContext) -> Iterator[int]:
    """A server that says by TLS itself what is wrong with a certificate, as servers do that are not asyncio's."""

    def serve() -> None:
        with suppress(OSError), socket.create_server(("127.0.0.1", 0)) as server:
            port.put(server.getsockname()[1])
            met, _ = server.accept()
            with tls.wrap_socket(met, server_side=True):
                pass

    port: queue.Queue[int] = queue.Queue()
    thread = threading.Thread(target=serve)
    thread.start()
    yield port.get(timeout=5)
    thread.join(5)


def test_letters_when_they_cut_the_text_are_told_to_the_approver_and_else_are_not(store: Database) -> None:
    channel = CellBroadcastChannel(store, lambda: datetime.now(UTC), BASE_URL, ChannelsConfig())
    child = case_document()["children"][0] | {"name": "Zoë"}
    short, long = ({"situation": "Een lang verhaal. " * times} for times in (1, 40))
    assert channel.render(make_edition(case_document(children=[child], public=short)), BASE_URL).problems == ()
    assert channel.render(make_edition(case_document(children=[child], public=long)), BASE_URL).problems == (
        "the text (nl) is cut after 615 characters, not 1395, because of ë",
        "the text (en) is cut after 615 characters, not 1395, because of ë",
    )


@pytest.mark.parametrize("letter", ["A", "B"])
def test_embedded_home_when_a_network_is_elsewhere_refuses_it_by_name(letter: str) -> None:
    here, there = "https://127.0.0.1:1/cap", "https://cbe.example/cap"
    urls = {"a": there, "b": here} if letter == "A" else {"a": here, "b": there}
    network = LiveNetwork(name=NORTH, certificate="c", key="k", **urls)
    with pytest.raises(NotOnLoopback, match=rf"channels\.cellbroadcast {NORTH} {letter} points to cbe\.example"):
        require_loopback(ChannelsFile(channels=LiveChannels(cellbroadcast=(network,))))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"a": "http://127.0.0.1:1/cap"}, "https"),
        ({"name": "Noordnet b.v."}, "name"),
        ({"key": None}, "key"),
    ],
)
def test_network_when_configured_wrongly_is_refused(said: dict[str, Any], why: str) -> None:
    good = {"name": NORTH, "a": "https://127.0.0.1:1/cap", "certificate": "c", "key": "k"}
    with pytest.raises(ValidationError, match=why):
        LiveNetwork(**{**good, **said})


def test_networks_when_named_alike_are_refused(both: Networks) -> None:
    with pytest.raises(ValidationError, match="two networks have the same name"):
        LiveChannels(cellbroadcast=(both.live[0], both.live[0]))


def test_exercise_networks_never_fit_where_live_ones_belong(both: Networks) -> None:
    with pytest.raises(ValidationError):
        LiveChannels(cellbroadcast=both.exercise)
