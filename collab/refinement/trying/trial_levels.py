"""At which level a trial is decided, given the trials of the prompt before it. Reads the store, looks at no vote.

A prompt may be tried again and again until something wins by chance. So its trials are a stream of tests, decided by
e-LOND (confidence.py) with its shares of few: of what ever wins a trial of one prompt, on average 5 % at most is no
better than what it beat. The level is fixed as the confirming study is made, before its first vote, and kept in it.

What it takes on average, simulated: items of a panel of one, or people of five votes each (which correlate by 0.2),
where 60 % is preferred, and either where all agree.

    test                         level    60 %: items   people   all agree
    alone                        5 %              188       68           7
    1st of a prompt              2.5 %            223       84           8
    2nd                          0.83 %           281      108          10
    2nd, the 1st having won      1.67 %           246       92           9
    5th                          0.17 %           369      142          13
    5th, all four having won     0.83 %           281      108          10
"""

from __future__ import annotations

from typing import Any

from collab.studies.spec import ALPHA, LEAST_ALPHA
from collab.types import Task, Trial
from collab.workspace import Workspace


def claim_at_level(ws: Workspace, trial: Trial) -> dict[str, Any]:
    """The level of the trial's confirming study and which test of its prompt this is, as a spec's `evidence` has it.

    A test is a trial of which anybody was shown a comparison of leader and champion, whatever became of it: one that is
    stopped when it goes badly has had its chance. It was a discovery if it was decided “better”.
    """
    from collab.statistics.confidence import ELond, shares_of_few

    stream = ELond(ALPHA, shares_of_few)
    for other in ws.store.find(Trial, prompt_id=trial.prompt_id):  # all over: a prompt has one open trial at a time
        asked = other.confirming_id and ws.store.find(Task, study_id=other.confirming_id, limit=1)
        if asked and other.id != trial.id:
            stream.count(other.verdict == "better")
    return {"alpha": max(stream.level(), LEAST_ALPHA), "test": stream.tests + 1}
