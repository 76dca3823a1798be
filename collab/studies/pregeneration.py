"""Makes the outputs of studies beforehand, so that the next item is there when a key goes down.

One thread works through the waiting items of all open studies in the order of serving, a few generations at a time,
each with a request id of its own: whatever stops it, it goes on where it was. An item becomes ready when all its
outputs are there, so nobody sees one before the other. Knows nothing of people.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from collab.errors import CollabError
from collab.generation import Ask, generate, wording_of
from collab.identity import Visitor
from collab.runs import INTERRUPTED
from collab.store.study_queries import waiting_items
from collab.studies.arms import arm_variables
from collab.studies.spec import StudySpec, read_spec
from collab.types import UNFINISHED, Annotator, Generation, Output, PromptVersion, Study, StudyArm, StudyCase, StudyItem
from collab.workspace import Workspace

log = logging.getLogger(__name__)
AT_ONCE = 4  # generations under way for all studies together: more would only wait in the engine's queue
_LOOK_S = 0.2
_REST_S = 5.0
_TRIES = 5  # of a generation that a restart interrupted


class Pregeneration:
    """The thread that fills waiting items. `wake` after creating a study; idle it looks around every few seconds."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._changed = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="collab-studies", daemon=True)

    def start(self) -> None:
        """Begin, and take up what an earlier process left."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._changed.set()

    def close(self) -> None:
        """Stop asking for more; what is under way is the engine's business."""
        self._closing.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                busy = fill_items(self._ws)
            except (SQLAlchemyError, OSError):  # the database may be away for a moment
                log.exception("could not look for items to fill")
                busy = False
            self._changed.wait(_LOOK_S if busy else _REST_S)
            self._changed.clear()


def fill_items(ws: Workspace) -> bool:
    """One round: ask for what is missing, make ready what is complete; whether anything is still waiting."""
    waiting = waiting_items(ws.store, limit=AT_ONCE * 4)
    under_way = 0
    for study, item in waiting:
        if under_way >= AT_ONCE:
            break
        under_way += _Filling(ws, study, item).advance()
    return bool(waiting)


class _Filling:
    """One item on its way: which generations its cells come from, and how far they are."""

    def __init__(self, ws: Workspace, study: Study, item: StudyItem) -> None:
        self.ws, self.study, self.item = ws, study, item
        self.spec: StudySpec = read_spec(study.spec)
        arms = ws.store.find(StudyArm, study_id=study.id)
        self.arms = {arm.position: arm for arm in arms}
        (creator,) = ws.store.find(Annotator, id=study.created_by)
        self.owner = Visitor(creator.id, creator.origin, is_owner=True, display_name=creator.display_name)

    def advance(self) -> int:
        """Take the item one step on; how many generations it keeps busy."""
        busy, outputs = 0, []
        for arm, case, sample in self.item.cells:
            try:
                generation = self._generation(arm, case)
            except CollabError as error:
                self._fail(f"{self.arms[arm].name}: {error}")
                return 0
            if generation.status in UNFINISHED:
                busy += 1
            elif generation.status != "done":
                self._fail(f"{self.arms[arm].name}: {generation.error or 'its generation was stopped'}")
                return 0
            else:
                made = self.ws.store.find(Output, generation_id=generation.id, position=sample)
                outputs.append(made[0].id)
        if not busy:
            changes = {"status": "ready", "outputs": outputs}
            self.ws.store.update(StudyItem, self.item.id, changes, only_if={"status": "waiting"})
        return busy

    def _generation(self, arm: int, case: int) -> Generation:
        """The generation of one arm and case, started if there is none, again if a restart cut it short."""
        for attempt in range(_TRIES):
            request_id = f"study:{self.study.id}:{arm}:{case}:{self.item.attempt}:{attempt}"
            found = self.ws.store.find(Generation, requested_by=self.owner.annotator_id, request_id=request_id)
            if not found:
                return self.ws.store.get(Generation, self._start(arm, case, request_id))
            if found[0].error != INTERRUPTED:
                return found[0]
        return found[0]

    def _start(self, arm: int, case: int, request_id: str) -> str:
        chosen = self.arms[arm]
        version = self.ws.store.get(PromptVersion, chosen.prompt_version_id)
        (filling,) = self.ws.store.find(StudyCase, study_id=self.study.id, position=case)
        return generate(
            self.ws,
            self.owner,
            Ask(
                prompt_version_id=version.id,
                model=chosen.model_version_id,
                count=self.spec.samples,
                seed=case_seed(self.spec.seed, case, self.spec.samples),
                variables=arm_variables(wording_of(self.ws.store, version), filling.variables),
                request_id=request_id,
                origin="study",
            ),
        )

    def _fail(self, error: str) -> None:
        changes = {"status": "failed", "error": " ".join(error.split())}
        self.ws.store.update(StudyItem, self.item.id, changes, only_if={"status": "waiting"})


def case_seed(seed: int, case: int, samples: int) -> int:
    """The seed of a case: the same in every arm, and no sample's of one case is another case's."""
    return (seed + case * samples) % 2**32


def retry_failed(ws: Workspace, study: Study, *, wake: Callable[[], None] = lambda: None) -> int:
    """Have the failed items of a study made again; how many."""
    failed = ws.store.find(StudyItem, study_id=study.id, status="failed")
    for item in failed:
        ws.store.update(StudyItem, item.id, {"status": "waiting", "error": "", "attempt": item.attempt + 1})
    wake()
    return len(failed)
