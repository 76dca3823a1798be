"""Generation and training. The only code that imports torch; knows nothing of collab or gradio."""

import os

# Before torch loads: OpenMP threads that spin while they wait starve everything else on a small machine, this server's
# own web threads first of all.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
