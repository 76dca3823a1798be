"""Opens the workspace, builds the page, launches. A Hugging Face Space runs this file."""

from __future__ import annotations

import sys

from collab.cli import app

if __name__ == "__main__":
    app(["serve", *sys.argv[1:]])
