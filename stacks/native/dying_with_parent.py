"""Replace this process by a program that is killed when its starter ends, also when that one is killed (Linux).

PID is the starter's. It is run as a plain script: `python -I -S dying_with_parent.py PID PROGRAM ARGUMENT…`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == int(sys.argv[1]):  # otherwise it has ended already
        os.execvp(sys.argv[2], sys.argv[2:])
