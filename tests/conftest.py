"""Fixtures for all levels. Tests reach loopback only (pytest-socket, see pyproject.toml)."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from store.database import Database
from tests.support.postgres import PostgresServer
from tests.support.programmes import write_few
from tests.support.running import Running
from tests.support.stores import make_sqlite


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage seldom, and never among all tests and modules: that took a quarter of the CPU of unit tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)


# How long an example takes says how busy the machine is, and nothing of what is tried.
settings.register_profile("baken", deadline=None)
settings.load_profile("baken")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; it starts when the first test asks for it."""
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a store that nobody used yet, in each kind of database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'baken.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as address:
            yield address


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A store with its tables and nothing in them, in each kind of database."""
    if database_url.startswith("sqlite:"):
        make_sqlite(Path(database_url.removeprefix("sqlite:///")))
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared_baken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running Baken for tests that leave it whole; each starts its own alerts, by AMBER or a small programme."""
    folder = tmp_path_factory.mktemp("shared")
    programmes = write_few(folder / "programmes")
    options = ("--recipients", "40", "--programmes", str(programmes))
    running = Running(folder / "home", *options, forked=True).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def own_baken(tmp_path: Path) -> Iterator[Running]:
    """A running Baken that a test may break; it has AMBER and the small programmes."""
    options = ("--recipients", "200", "--programmes", str(write_few(tmp_path / "programmes")))
    running = Running(tmp_path / "home", *options, forked=True).start()
    yield running
    running.stop()
