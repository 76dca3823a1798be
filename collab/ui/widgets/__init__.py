"""Custom widgets drawn in the browser: the output board and the history list. Know nothing of the store."""

from collab.ui.widgets.board import output_board
from collab.ui.widgets.composer import study_composer
from collab.ui.widgets.desk import rating_desk
from collab.ui.widgets.history import history_list
from collab.ui.widgets.insights import insights_board
from collab.ui.widgets.refine import refine_board

__all__ = ["history_list", "insights_board", "output_board", "rating_desk", "refine_board", "study_composer"]
