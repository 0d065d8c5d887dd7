"""Replace this process by a program that is killed when its starter ends, also when that one is killed (Linux).

It is run as a plain script: `python -I -S dying_with_parent.py PROGRAM ARGUMENT…`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    starter = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == starter:  # otherwise it ended before it could be known
        os.execvp(sys.argv[1], sys.argv[1:])
