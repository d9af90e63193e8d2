"""Every Python of a Baken in chaos reads this before anything else: workers and web begin again with the clock."""

import os
import sys

PARTS = ("worker.py", "starter.serve")

library = os.environ.get("CHAOS_CLOCK")
if library and "LD_PRELOAD" not in os.environ and any(word.endswith(PARTS) for word in sys.orig_argv):
    os.execve(sys.executable, sys.orig_argv, {**os.environ, "LD_PRELOAD": library})
