"""The database that `BAKEN_DATABASE_URL` names: refused when it is not the right one, and its password never shown."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url, text

from starter.begin import prepare_home
from starter.client import open_baken
from starter.errors import BadInput, CannotReach, RefusedByRule, as_problem
from starter.parts import open_parts
from starter.serve import build_app
from starter.settings import RunInfo, Settings, load_settings
from store.schema import SCHEMA
from store.subscribers import Entry, Subscribers
from tests.support.homes import other_home, silent_home
from tests.support.postgres import PostgresServer

SECRET = "geheim"
NOBODY = f"postgresql+psycopg://baken:{SECRET}@127.0.0.1:9/baken?application_name={SECRET}"


def _settings(folder: Path, address: str) -> Settings:
    settings = load_settings({"BAKEN_DATABASE_URL": address}, home=folder)
    settings.paths.prepare()
    return settings


@pytest.mark.parametrize(
    "address",
    [
        SECRET,
        f"postgres://baken:{SECRET}@host/baken",
        f"postgresql+psycopg2://baken:{SECRET}@host/baken",
        f"postgresql+psycopg://baken:{SECRET}@host:port/baken",
        f"mysql://baken:{SECRET}@host/baken",
    ],
)
def test_address_of_no_database_that_baken_knows_is_bad_input(tmp_path: Path, address: str) -> None:
    with pytest.raises(BadInput, match="BAKEN_DATABASE_URL: is postgresql") as refused:
        load_settings({"BAKEN_DATABASE_URL": address}, home=tmp_path)
    assert SECRET not in str(refused.value)


def test_password_when_settings_are_printed_is_not_among_them(tmp_path: Path) -> None:
    settings = _settings(tmp_path, NOBODY)
    run = RunInfo(web="", temporal="", temporal_ui="", namespace="", pid=1, database_url=NOBODY)
    assert settings.database_url == NOBODY
    assert SECRET not in f"{settings!r} {settings} {run!r} {run}"


def test_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(CannotReach) as refused:
        prepare_home(_settings(tmp_path, NOBODY), 0)
    said = str(refused.value)
    assert said.startswith("cannot reach the database: baken of PostgreSQL on 127.0.0.1; is BAKEN_DATABASE_URL right?")
    assert "refused" in said
    assert SECRET not in said


def test_database_that_is_not_there_is_named(postgres: PostgresServer, tmp_path: Path) -> None:
    with postgres.database() as address:
        missing = make_url(address).set(database="nowhere").render_as_string(hide_password=False)
        with pytest.raises(CannotReach, match='"nowhere" does not exist'):
            open_parts(_settings(tmp_path, missing))


def test_database_that_goes_away_is_a_part_that_cannot_be_reached(postgres: PostgresServer, tmp_path: Path) -> None:
    with postgres.database() as address:
        parts = open_parts(_settings(tmp_path, address))
        postgres.vanish(address)
        with pytest.raises(Exception, match="does not exist") as lost, parts.db.read() as session:
            session.connection()
        problem = as_problem(lost.value)
        parts.close()
    assert isinstance(problem, CannotReach)
    assert problem.part == "the database"


@pytest.mark.parametrize("path", ["/alerts/%00", "/alerts/abcdefgh%00", "/media/%00", "/api/v1/alerts/%00"])
async def test_page_whose_address_no_database_takes_is_not_there(tmp_path: Path, database_url: str, path: str) -> None:
    settings = silent_home(tmp_path / "home", database_url)
    async with open_baken(settings) as baken:
        transport = httpx.ASGITransport(build_app(baken, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://baken") as anybody:
            assert (await anybody.get(path)).status_code == 404


def test_store_of_another_home_is_refused(tmp_path: Path, database_url: str) -> None:
    other_home(tmp_path / "one", database_url)
    with pytest.raises(RefusedByRule, match="is another home's"):
        other_home(tmp_path / "two", database_url)
    other_home(tmp_path / "one", database_url)


def test_database_that_was_emptied_is_not_taken_for_a_new_one(postgres: PostgresServer, tmp_path: Path) -> None:
    with postgres.database() as address, postgres.database(migrated=False) as empty:
        settings = silent_home(tmp_path / "home", address)
        emptied = settings.model_copy(update={"database_url": empty})
        with pytest.raises(CannotReach, match="it is empty, and was not"):
            open_parts(emptied)
        with pytest.raises(RefusedByRule, match="restored from a copy"):
            prepare_home(emptied, 0)


def test_store_that_was_filled_before_the_first_start_is_this_homes(tmp_path: Path, database_url: str) -> None:
    settings = _settings(tmp_path / "home", database_url)
    with closing(open_parts(settings)) as parts, parts.db.write() as session:
        key = parts.keys.system_key("subscribers")
        assert Subscribers(key, "email").subscribe(session, [Entry("anna@example.org")], datetime.now(UTC)) == 1
    for _ in range(2):
        assert not prepare_home(settings, 0)


def test_tables_of_another_version_are_refused_until_baken_up_migrates(tmp_path: Path, database_url: str) -> None:
    settings = silent_home(tmp_path / "home", database_url)
    parts = open_parts(settings)
    with parts.db.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '0001'"))
    parts.close()
    with pytest.raises(CannotReach, match=f"of version 0001, this Baken needs {SCHEMA}") as refused:
        open_parts(settings)
    assert refused.value.exit_code == 4
    prepare_home(settings, 0)
    open_parts(settings).close()
