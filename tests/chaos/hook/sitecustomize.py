"""Read first by every Python of a Baken in chaos: it begins again, with the clock."""

import os
import sys

library = os.environ.get("CHAOS_CLOCK")
if library and os.environ.get("LD_PRELOAD") != library:
    os.execve(sys.executable, sys.orig_argv, {**os.environ, "LD_PRELOAD": library})
