"""Custom widgets drawn in the browser: the output board and the history list. Know nothing of the store."""

from collab.ui.widgets.board import output_board
from collab.ui.widgets.history import history_list

__all__ = ["history_list", "output_board"]
