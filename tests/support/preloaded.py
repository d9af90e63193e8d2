"""What `tests.support.forked` has imported before it forks: all that a program of Baken needs."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `baken up` does: who forks may have one thread only

from starter.forking import preload
from starter.up import OURS, SIMULATORS

preload(
    *OURS,
    SIMULATORS.module,
    "alembic.command",
    "starter.begin",
    "starter.cli.app",
    "starter.subscribers.exporting",
    "starter.subscribers.importing",
)
