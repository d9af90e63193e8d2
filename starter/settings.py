"""Settings, read once at start and passed on. Nothing else of Baken reads the environment.

| setting | from | default |
| --- | --- | --- |
| home | `--home`, `BAKEN_HOME` | `~/.local/share/baken` |
| database | `BAKEN_DATABASE_URL` | `baken.db` in the home |
| Temporal | `BAKEN_TEMPORAL_ADDRESS`, `TEMPORAL_ADDRESS` | a server embedded in the home |
| namespace | `BAKEN_TEMPORAL_NAMESPACE`, `TEMPORAL_NAMESPACE` | `default` |
| programmes | `--programmes` | those of the package |
| channels, map, records | `--config`, `config.toml` in the home | none |
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from activities.endpoints import (
    AppEndpoint,
    ChannelsConfig,
    ChannelsFile,
    EmailEndpoint,
    ExerciseAppEndpoint,
    ExerciseChannels,
    ExerciseEmailEndpoint,
    ExerciseNetwork,
    ExercisePartner,
    ExerciseSignageEndpoint,
    ExerciseSmsEndpoint,
    ExerciseSocialEndpoint,
    ExerciseWebPushEndpoint,
    LiveChannels,
    LiveNetwork,
    Loopback,
    NotOnLoopback,
    SignageEndpoint,
    SmsEndpoint,
    SocialEndpoint,
    TileServer,
    WebhookPartner,
    WebPushEndpoint,
    require_loopback,
)
from alerts.values import Value
from starter.errors import BadInput, CannotReach, RefusedByRule
from starter.home import Home

DEMO_CONTACT = "mailto:demo@baken.example"
DATABASES = ("sqlite", "postgresql+psycopg")


class RunInfo(Value):
    """What `run.json` says: where the parts of a running home are."""

    web: str
    temporal: str
    temporal_ui: str
    namespace: str
    pid: int
    programmes: Path | None = None
    config: Path | None = None
    database_url: str | None = Field(default=None, repr=False)
    external_temporal: bool = False


class Settings(Value):
    home: Path
    database_url: str = Field(repr=False)
    """With the password, if it has one: never shown."""
    temporal_address: str | None
    """None: the server embedded in this home, whose port `run.json` tells."""
    namespace: str
    programmes: Path | None
    config: Path | None
    port: int | None
    """None: 8080, or the next free one; 0: any free one."""
    token: str | None = None
    senders: int | None = None
    """Processes that send; None: as many as there are cores."""

    @property
    def paths(self) -> Home:
        return Home(self.home)

    @property
    def embedded(self) -> bool:
        """Whether Baken itself holds the approvers' keys."""
        return self.temporal_address is None

    def sending_processes(self) -> int:
        """A Python process uses one core."""
        return self.senders or len(os.sched_getaffinity(0))

    def run_info(self) -> RunInfo:
        """Where the running parts are; raises CannotReach when nothing ever ran here."""
        try:
            return RunInfo.model_validate_json(self.paths.run.read_text("utf-8"))
        except FileNotFoundError as error:
            raise CannotReach("Baken", f"nothing runs with home {self.home}; start it with 'baken up'") from error
        except (ValidationError, OSError) as error:
            raise CannotReach("Baken", f"{self.paths.run} cannot be read; start again with 'baken up'") from error

    def tile_server(self) -> TileServer | None:
        """Where the console's map gets its background; None: it draws borders only."""
        return self._config().map

    def record_term(self) -> timedelta | None:
        """After closing, how long the record of an alert can be read; None: nobody said."""
        days = self._config().record.keep_days
        return None if days is None else timedelta(days=days)

    def _config(self) -> ChannelsFile:
        return _read_config(self.config or self.home / "config.toml", must_exist=self.config is not None)

    def channels(self) -> ChannelsConfig:
        """Counterparts of channels: the configuration file, and the demo's simulators when they run."""
        config = self._config()
        if self.embedded:
            try:
                require_loopback(config)
            except NotOnLoopback as error:
                raise RefusedByRule(str(error)) from error
        ports = self.paths.demo_ports
        demo = ports.exists()
        loopback: Loopback = "only" if self.embedded else "too" if demo else "never"
        said = _with_simulators(config, json.loads(ports.read_text("utf-8"))) if demo else config
        return ChannelsConfig(site=config.site, channels=said.channels, exercise=said.exercise, loopback=loopback)


def load_settings(
    environ: Mapping[str, str],
    *,
    home: Path | None = None,
    port: int | None = None,
    programmes: Path | None = None,
    config: Path | None = None,
    follow: bool = True,
) -> Settings:
    """The settings of this process; raises BadInput naming the setting.

    With `follow`, what is not said is taken from what runs on that home; `baken up` itself does not follow.
    """
    root = home or Path(environ.get("BAKEN_HOME") or Path.home() / ".local/share/baken")
    root = root.expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise BadInput("--home", f"{root} is not a folder; name one that Baken may fill")
    if port is not None and not 0 <= port < 65536:
        raise BadInput("--port", f"{port} is no port; use 1 to 65535, or 0 for any free one")
    if programmes is not None and not programmes.is_dir():
        raise BadInput("--programmes", f"{programmes} is not a folder with programme files (*.toml)")
    runs = _running(root) if follow else None
    temporal = environ.get("BAKEN_TEMPORAL_ADDRESS") or environ.get("TEMPORAL_ADDRESS")
    namespace = environ.get("BAKEN_TEMPORAL_NAMESPACE") or environ.get("TEMPORAL_NAMESPACE")
    database = environ.get("BAKEN_DATABASE_URL") or (runs.database_url if runs else None)
    return Settings(
        home=root,
        database_url=_database(database) if database else f"sqlite:///{root / 'baken.db'}",
        temporal_address=temporal or (runs.temporal if runs and runs.external_temporal else None),
        namespace=namespace or (runs.namespace if runs else "default"),
        programmes=programmes or _path(environ.get("BAKEN_PROGRAMMES")) or (runs.programmes if runs else None),
        config=config or _path(environ.get("BAKEN_CONFIG")) or (runs.config if runs else None),
        port=port,
        token=environ.get("BAKEN_TOKEN"),
        senders=_number("BAKEN_SENDERS", environ.get("BAKEN_SENDERS")),
    )


def _running(root: Path) -> RunInfo | None:
    try:
        return RunInfo.model_validate_json(Home(root).run.read_text("utf-8"))
    except (OSError, ValidationError):
        return None


def _number(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise BadInput(name, f"{text!r} is no number of processes; use 1 or more")
    return int(text)


def _database(address: str) -> str:
    """An address of a database that Baken knows; what is wrong with another is said without repeating it."""
    from sqlalchemy import make_url  # noqa: PLC0415  heavy, and rarely needed
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        driver = make_url(address).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver not in DATABASES:
        raise BadInput("BAKEN_DATABASE_URL", "is postgresql+psycopg://USER:PASSWORD@HOST/NAME or sqlite:////PATH")
    return address


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read_config(path: Path, *, must_exist: bool) -> ChannelsFile:
    try:
        return ChannelsFile.model_validate(tomllib.loads(path.read_text("utf-8")))
    except FileNotFoundError as error:
        if must_exist:
            raise BadInput("--config", f"there is no file {path}") from error
        return ChannelsFile()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise BadInput(f"{path.name}: {place}" if place else path.name, first["msg"]) from error


def _with_simulators(config: ChannelsFile, ports: dict[str, Any]) -> ChannelsFile:
    """The demo's counterparts take the place of what is not configured."""
    live, exercise = config.channels, config.exercise
    mail = {"host": "127.0.0.1", "starttls": True, **ports["mail"]}
    push = {"contact": DEMO_CONTACT, "authority": ports["webpush"]["authority"]}
    return ChannelsFile(
        channels=LiveChannels(
            cap=live.cap,
            email=live.email or EmailEndpoint(port=ports["smtp"], **mail),
            webhook=live.webhook or tuple(WebhookPartner(**partner) for partner in ports["partners"]),
            app=live.app or AppEndpoint(**ports["app"]),
            webpush=live.webpush or WebPushEndpoint(**push),
            sms=live.sms or SmsEndpoint(**ports["sms"]),
            cellbroadcast=live.cellbroadcast or tuple(LiveNetwork(**one) for one in ports["cellbroadcast"]),
            social=live.social or SocialEndpoint(**demo_accounts(ports["social"])),
            signage=live.signage or SignageEndpoint(**ports["signage"]),
        ),
        exercise=ExerciseChannels(
            email=exercise.email or ExerciseEmailEndpoint(port=ports["smtp_exercise"], **mail),
            webhook=exercise.webhook or tuple(ExercisePartner(**partner) for partner in ports["partners_exercise"]),
            app=exercise.app or ExerciseAppEndpoint(**ports["app_exercise"]),
            webpush=exercise.webpush or ExerciseWebPushEndpoint(**push),
            sms=exercise.sms or ExerciseSmsEndpoint(**ports["sms_exercise"]),
            cellbroadcast=exercise.cellbroadcast
            or tuple(ExerciseNetwork(**one) for one in ports["cellbroadcast_exercise"]),
            social=exercise.social or ExerciseSocialEndpoint(**demo_accounts(ports["social_exercise"])),
            signage=exercise.signage or ExerciseSignageEndpoint(**ports["signage_exercise"]),
        ),
    )


def demo_accounts(said: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """The simulators' accounts, each as its service has them."""
    url, found = said["url"], {"mastodon": [], "bluesky": [], "others": []}  # type: ignore[var-annotated]
    for one in said["accounts"]:
        name, secret = one["name"], one["secret"]
        found[one["service"]].append(
            {
                "mastodon": {"name": name, "url": url, "token": secret},
                "bluesky": {"name": name, "url": url, "handle": one["handle"], "password": secret},
                "others": {"name": name, "url": f"{url.replace('http', 'json', 1)}/notify/{one['handle']}/{secret}"},
            }[one["service"]]
        )
    return found
