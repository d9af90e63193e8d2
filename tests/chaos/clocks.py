"""The clock of Baken's processes, which a round may set: the machine's own stays as it is.

`baken up` and all it forks run with a library of ours before the C library (`hook/clock.c`), built here. The
counterparts keep the machine's clock, as the books need it. Temporal's server asks the kernel itself: for it a step
looks as if Baken's host and its own no longer agreed.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

HOOK = Path(__file__).parent / "hook"
"""Holds what every Python reads at its start, and the library."""
INSTALL = "no C compiler is on this machine; type 'sudo apt-get install gcc libc6-dev' and try again"


class Clock:
    """How far the clock of one Baken is off."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise FileNotFoundError(INSTALL)
        library, file = folder / "clock.so", folder / "clock"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HOOK / "clock.c"], check=True)
        self._file = os.open(file, os.O_RDWR | os.O_CREAT)
        self.environ: Mapping[str, str] = {
            "PYTHONPATH": str(HOOK),
            "CHAOS_CLOCK": str(library),
            "CHAOS_CLOCK_FILE": str(file),
        }
        """For `baken up`."""
        self.set(0)

    def set(self, seconds: int) -> None:
        """So many seconds ahead of the machine's, at once."""
        os.pwrite(self._file, struct.pack("l", seconds), 0)

    def close(self) -> None:
        os.close(self._file)
