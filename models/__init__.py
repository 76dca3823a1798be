"""Generation and training. The only code that imports torch; knows nothing of collab or gradio."""

import os
import sys

# Before torch loads. OpenMP threads that spin for milliseconds while they wait, as is usual, starve everything else on
# a small machine, this server's own web threads first of all; threads that sleep at once have to be woken some four
# hundred times a token, which took 28 of the 65 ms of a step of eight rows in int8. So they spin for a tenth of a
# millisecond, and sleep then. (GNU's OpenMP counts turns, a hundred thousand a millisecond; while several threads
# have teams of their own it makes a thousand, or none at all where it is passive. LLVM's counts milliseconds.)
if sys.platform == "linux":
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ.setdefault("KMP_BLOCKTIME", "1")
else:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
