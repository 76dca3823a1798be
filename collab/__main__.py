"""`python -m collab`."""

from collab.cli import app

app(prog_name="python -m collab")
