"""A real PostgreSQL server for a test session, and a database of its own for each test.

It listens on a socket in a folder of its own and ends with the tests, however they end. Nothing of it has to survive
a power cut, so it never waits for the disk.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from starter.process import dies_with
from store.database import Database
from store.schema import migrate
from tests.support.waiting import eventually

BINARIES = Path("/usr/lib/postgresql")
INSTALL = "PostgreSQL is not on this machine; type 'sudo apt-get install postgresql' and try again"
ACCOUNT = "postgres"
"""Of Debian's package; the server refuses to run as root."""
TEMPLATE = "baken_template"
SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "dynamic_shared_memory_type=mmap",  # in its own folder, so that a killed one leaves nothing in /dev/shm
)


class PostgresServer:
    """A running server; `database()` lends one database after the other."""

    def __init__(self) -> None:
        found = {int(path.parts[-3]): path.parent for path in BINARIES.glob("*/bin/postgres")}
        if not found:
            raise FileNotFoundError(INSTALL)
        self._version = max(found)
        self._programs = found[self._version]
        self._folder = Path(tempfile.mkdtemp(prefix="baken-pg-", dir="/tmp"))  # a socket's path holds 107 characters
        self._account = ACCOUNT if os.geteuid() == 0 else None
        if self._account:
            shutil.chown(self._folder, self._account, self._account)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> PostgresServer:
        data = str(self._folder / "data")
        make = ["initdb", "-D", data, "-U", "baken", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        self._run(make).wait()
        self._process = self._run(
            ["postgres", "-D", data, "-k", str(self._folder), *(part for one in SETTINGS for part in ("-c", one))]
        )
        eventually(self._answers, every=0.05, what=f"PostgreSQL ({self._log().read_text()[-2000:]})")
        self._order(f"CREATE DATABASE {TEMPLATE}")
        template = Database(self._address(TEMPLATE))
        migrate(template)
        template.close()
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # its fast shutdown: waits for nobody
            self._process.wait(20)
        shutil.rmtree(self._folder)

    @contextmanager
    def database(self, *, migrated: bool = True) -> Iterator[str]:
        """The address of a database that nobody else uses."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        # By copying files: 45 ms instead of 600 ms by way of the write-ahead log, the default since 15.
        how = "STRATEGY FILE_COPY" if self._version >= 15 else ""
        self._order(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if migrated else 'template0'} {how}")
        try:
            yield self._address(name)
        finally:
            self._order(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def vanish(self, address: str) -> None:
        """Take a database away under those who use it."""
        self._order(f"DROP DATABASE {make_url(address).database} WITH (FORCE)")

    def cut(self, address: str) -> None:
        """Break every connection to a database, as a server does that is started again."""
        name = make_url(address).database
        self._order(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://baken@/{name}?host={self._folder}"

    def _order(self, sql: str) -> None:
        with psycopg.connect(host=str(self._folder), user="baken", dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.encode())

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log().read_text()
        try:
            self._order("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log().open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / command[0]), *command[1:]],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                user=self._account,
                group=self._account,
                extra_groups=[] if self._account else None,
                preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509  the kernel forgets it when the user changes after
            )

    def _log(self) -> Path:
        return self._folder / "log"
