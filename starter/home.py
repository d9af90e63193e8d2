"""A home: the folder in which everything that lasts is kept. Two homes never touch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Home:
    """Paths inside one home. Files with secrets have mode 0600."""

    root: Path

    def prepare(self) -> None:
        """Make the folders, for their owner only."""
        for folder in (self.root, self.secrets, self.people, self.logs, self.demo, self.ready):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def people(self) -> Path:
        return self.secrets / "people"

    @property
    def master_key(self) -> Path:
        return self.secrets / "master.key"

    @property
    def tokens(self) -> Path:
        return self.secrets / "tokens.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def demo(self) -> Path:
        return self.root / "demo"

    @property
    def demo_ports(self) -> Path:
        return self.demo / "ports.json"

    @property
    def ready(self) -> Path:
        """One file per part that is ready."""
        return self.root / "ready"

    @property
    def run(self) -> Path:
        return self.root / "run.json"

    @property
    def database(self) -> Path:
        return self.root / "baken.db"

    @property
    def keys(self) -> Path:
        return self.root / "keys.db"

    @property
    def temporal(self) -> Path:
        return self.root / "temporal.db"

    @property
    def lock(self) -> Path:
        return self.root / "lock"


def write_private(path: Path, document: Any) -> None:
    """Write JSON at once or not at all, readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    temporary.replace(path)
