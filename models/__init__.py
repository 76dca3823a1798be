"""Generation and training. The only code that imports torch; knows nothing of collab or gradio."""

import os

# Before torch loads. OpenMP threads that spin for long while they wait starve everything else on a small machine, this
# server's own web threads first of all; threads that sleep at once have to be woken some four hundred times a token,
# which took 28 of the 65 ms of a step of eight rows in int8. So they spin for some microseconds (GNU's OpenMP, which
# torch brings along, counts turns), and sleep then.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
