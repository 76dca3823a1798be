"""A studio, and a study of ready pairs written straight into it: what the measurements begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def workspace(home: Path) -> Any:
    """The studio whose data lie in this folder."""
    from collab.settings import read_settings
    from collab.workspace import open_workspace

    return open_workspace(read_settings({"COLLAB_HOME": str(home)}))


def made_study(ws: Any, items: int, *, arms: int, overlap: int, answered: int = 0) -> tuple[Any, list[Any], list[Any]]:
    """A study of ready pairs, all of the same two outputs, with what they refer to."""
    from collab.identity import LOCAL
    from collab.studies.spec import check_spec
    from collab.types import (
        Annotator,
        Generation,
        ModelVersion,
        Output,
        Prompt,
        PromptVersion,
        Study,
        StudyArm,
        StudyItem,
    )

    prompt = Prompt(title="p", modality="text", created_by=LOCAL.annotator_id)
    version = PromptVersion(prompt_id=prompt.id, text="p", content_sha256="0" * 64, created_by=LOCAL.annotator_id)
    models = [ModelVersion(name=f"m{n}", modality="text", base=f"m{n}", revision="r", precision="fp32")
              for n in range(arms)]  # fmt: skip
    made = Generation(prompt_version_id=version.id, model_version_id=models[0].id, settings={}, seed=0, count=2,
                      status="done", requested_by=LOCAL.annotator_id, origin="study")  # fmt: skip
    outputs = [Output(generation_id=made.id, position=n, seed=n, text=f"answer {n}", media_type="text/plain",
                      finish_reason="stop") for n in range(2)]  # fmt: skip
    asked = check_spec({"title": "Bench", "task": "compare", "arms": [{"prompt": "a"}, {"prompt": "b"}], "seed": 1,
                        "overlap": overlap})  # fmt: skip
    study = Study(title="Bench", task="compare", modality="text", spec=asked.spec.as_json(), link="bench" * 4,
                  items=items, answered=answered, created_by=LOCAL.annotator_id)  # fmt: skip
    pairs = [(a, b) for a in range(arms) for b in range(a + 1, arms)]
    rows = [
        StudyItem(study_id=study.id, position=n, status="ready", cells=((pairs[n % len(pairs)][0], n, 0),
                  (pairs[n % len(pairs)][1], n, 0)), outputs=(outputs[0].id, outputs[1].id),
                  context=(("prompt", f"question {n}"),), room=0 if answered else overlap,
                  answered=overlap if answered else 0)
        for n in range(items)
    ]  # fmt: skip
    stored = [StudyArm(study_id=study.id, position=n, name=f"arm {n}", prompt_version_id=version.id,
                       model_version_id=model.id) for n, model in enumerate(models)]  # fmt: skip
    owner = Annotator(id=LOCAL.annotator_id, origin="local", display_name="local")
    ws.store.add(owner, prompt, version, *models, made, *outputs, study, *stored, *rows)
    return study, rows, outputs
