"""MQTT 5 brokers for tests: the simulator's, and mosquitto, which knows nothing of Baken; and what they keep."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from activities.endpoints import ExerciseSignageEndpoint, SignageEndpoint
from simulators.faults import Faults
from simulators.mqtt import Broker
from simulators.tls import server_context
from tests.support.waiting import eventually

PASSWORD = "a made-up password"
SETTLED = 0.2
"""Seconds after which a broker on loopback has brought what it keeps."""


@contextmanager
def simulated(folder: Path) -> Iterator[SignageEndpoint]:
    """The simulator's, in a thread."""
    tls, authority = server_context(folder)
    loop, broker = asyncio.new_event_loop(), Broker(PASSWORD, Faults(), lambda _packet, _until: None)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    port = asyncio.run_coroutine_threadsafe(broker.serve(tls), loop).result(5)
    yield _endpoint(port, authority)
    loop.call_soon_threadsafe(broker.close)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(SETTLED), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@contextmanager
def mosquitto(folder: Path) -> Iterator[SignageEndpoint]:
    _, authority = server_context(folder)
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert program, "the tests need mosquitto: type 'sudo apt-get install mosquitto' and try again"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    users, chain = folder / "users", folder / "server.pem"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "baken", PASSWORD], check=True, capture_output=True)
    users.chmod(0o600)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nuser root\nallow_anonymous false\npassword_file {users}\n"
        f"certfile {chain}\nkeyfile {chain}\n"
    )
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(port), what="mosquitto that listens")
        yield _endpoint(port, authority)
    finally:
        process.terminate()
        process.wait(5)


def exercises(broker: SignageEndpoint) -> ExerciseSignageEndpoint:
    """The same broker as one for exercises."""
    return ExerciseSignageEndpoint(**broker.model_dump())


def kept(broker: SignageEndpoint, topic: str = "baken/#") -> list[MQTTMessage]:
    """What a screen that starts now is brought."""
    got: list[MQTTMessage] = []
    client = Client(CallbackAPIVersion.VERSION2, "latecomer", protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(broker.username, broker.password)
    client.tls_set(broker.authority)

    def subscribe(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client.on_connect = subscribe
    client.on_message = lambda _client, _data, message: got.append(message)
    settled: list[float] = []
    client.on_subscribe = lambda *_: settled.append(time.monotonic() + SETTLED)
    client.connect(broker.host, broker.port)
    deadline = time.monotonic() + 5
    while not settled or time.monotonic() < settled[0]:
        assert client.loop(0.05) == MQTTErrorCode.MQTT_ERR_SUCCESS
        assert time.monotonic() < deadline
    client.disconnect()
    client.on_connect = client.on_message = client.on_subscribe = None
    return got


def _endpoint(port: int, authority: Path) -> SignageEndpoint:
    return SignageEndpoint(host="127.0.0.1", port=port, authority=str(authority), username="baken", password=PASSWORD)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
