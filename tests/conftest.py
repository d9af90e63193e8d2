"""Fixtures for all levels. Tests reach loopback only (pytest-socket, see pyproject.toml)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import Running


@pytest.fixture(scope="session")
def shared_baken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running Baken for tests that leave it whole; each starts alerts of its own."""
    running = Running(tmp_path_factory.mktemp("shared") / "home", "--recipients", "40").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def own_baken(tmp_path: Path) -> Iterator[Running]:
    """A running Baken that a test may break."""
    running = Running(tmp_path / "home", "--recipients", "200").start()
    yield running
    running.stop()
