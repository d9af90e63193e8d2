"""Read first by every Python of a Baken in chaos: all but the counterparts begin again, with the clock."""

import os
import sys

environ = dict(os.environ)
library = environ.get("CHAOS_CLOCK")
if library and sys.orig_argv[1:] == ["-m", "simulators"]:
    environ.pop("LD_PRELOAD", None)
elif library:
    environ["LD_PRELOAD"] = library
if environ != os.environ:
    os.execve(sys.executable, sys.orig_argv, environ)
