"""Seconds until History's first page, and a search of it, are there, one person having made 100,000 texts.

Each search is asked through the public function, cards with outputs and feedback included, alternating with the peer:
the plain query that one would write, a join with `LOWER(…) LIKE` over prompt and outputs on the same database, which
fetches ids alone. Medians of warm rounds; a word that nothing holds has to look at everything. At the end all of it is
exported, and deleted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from bench.record import Figure, keep
from collab import api
from collab.identity import LOCAL, Visitor
from collab.people.erasing import delete_my_data
from collab.people.my_export import export_my_data
from collab.prompts import Wording
from collab.settings import read_settings
from collab.store import schema
from collab.store.history_words import joined
from collab.types import (
    Annotator,
    Generation,
    GenerationOrigin,
    ModelVersion,
    Output,
    Prompt,
    PromptVersion,
    Rating,
    new_id,
)
from collab.workspace import Workspace, open_workspace
from models.base import TEXT_DEFAULTS

GENERATIONS, OUTPUTS_EACH, PROMPTS, ROUNDS, PAGE = 50_000, 2, 2_000, 7, 24
PEER = "SELECT … JOIN … WHERE LOWER(text) LIKE, ids alone"
PEER_SQL = """
SELECT DISTINCT g.id FROM generations g JOIN prompt_versions v ON v.id = g.prompt_version_id
JOIN outputs o ON o.generation_id = g.id WHERE g.requested_by = ? AND (LOWER(v.text) LIKE ? OR LOWER(o.text) LIKE ?)
ORDER BY g.id DESC LIMIT 25
"""
SEARCHES = {
    "a rare word": "quetzal",
    "a word nothing holds": "xylophonist",
    "two Chinese characters": "杭州",
    "a Russian word in capitals": "ЖИРАФ",
}
_COMMON = (
    "the of and to in is that for it was on with as be by at from or an which blue river morning paper light answer "
    "green garden window number winter letter music forest simple reason people water story small long under between "
    "北京 上海 дом река слово été maison"
)
_WORDS = _COMMON.split()


def main() -> None:
    """Print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        ws = open_workspace(read_settings({"COLLAB_HOME": folder}))
        try:
            fill(ws, LOCAL)
            keep([*measure(ws), *taken_away(ws)], "history")
        finally:
            ws.close()


def measure(ws: Workspace) -> list[Figure]:
    size = (ws.settings.home / "collab.db").stat().st_size / 1e6
    told = f"{GENERATIONS * OUTPUTS_EACH:,} texts in {GENERATIONS:,} generations, SQLite, {size:.0f} MB"
    figures = [Figure("History's first page, 100,000 outputs", median_s(lambda: page(ws)), "s", note=told)]
    for name, word in SEARCHES.items():
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda word=word: page(ws, query=word)))
            theirs.append(seconds(lambda word=word: plainly(ws, word)))
        figures.append(Figure(f"History searched for {name}, 100,000 outputs", middle(ours), "s", PEER, middle(theirs),
                              f"{len(page(ws, query=word)['items'])} found; {ROUNDS} rounds, warm"))  # fmt: skip
    narrowed = median_s(lambda: page(ws, query="quetzal", filters={"stars": 5, "tag": "great tone"}))
    figures.append(Figure("History searched with stars and a tag, 100,000 outputs", narrowed, "s", note=told))
    return figures


def taken_away(ws: Workspace) -> list[Figure]:
    """What it takes to export all of it, and then to delete it while another person's tenth stays."""
    path = ws.settings.home / "all.zip"
    exported = round(seconds(lambda: export_my_data(ws, LOCAL, path)), 2)
    note = f"{GENERATIONS:,} generations, {GENERATIONS // 5:,} ratings; {path.stat().st_size / 1e6:.0f} MB"
    deleted = round(seconds(lambda: delete_my_data(ws, LOCAL, "delete")), 2)
    left = page(ws)["items"]
    assert not left
    return [
        Figure("export of everything a person gave, 100,000 outputs", exported, "s", note=note),
        Figure("deletion of everything a person gave, 100,000 outputs", deleted, "s", note="one transaction"),
    ]


def fill(ws: Workspace, person: Visitor) -> None:
    """A person with a long history, and another with a tenth of it."""
    rng = Random(0)
    model = ModelVersion(name="m", modality="text", base="m", revision="r", precision="fp32")
    ws.store.add(model)
    other = replace(person, annotator_id=new_id())
    for visitor, number in ((person, GENERATIONS), (other, GENERATIONS // 10)):
        ws.store.add(Annotator(id=visitor.annotator_id, origin=visitor.origin))
        versions = []
        for at in range(PROMPTS):
            text = f"Write about {said(rng, 12)} ({at})"
            line = Prompt(title=text[:80], modality="text", created_by=visitor.annotator_id)
            sha256 = Wording(modality="text", text=text).sha256
            versions.append((line, PromptVersion(prompt_id=line.id, text=text, content_sha256=sha256,
                                                 created_by=visitor.annotator_id)))  # fmt: skip
        ws.store.add(*(line for line, _ in versions), *(version for _, version in versions))
        for start in range(0, number, 5_000):
            add_generations(ws, visitor, model, [version for _, version in versions], rng, range(start, start + 5_000))


def add_generations(
    ws: Workspace, visitor: Visitor, model: ModelVersion, versions: list[PromptVersion], rng: Random, numbers: range
) -> None:
    generations: list[Generation] = []
    outputs: list[Output] = []
    acts: list[Rating] = []
    origin: GenerationOrigin = "person"
    for at in numbers:
        generation = Generation(prompt_version_id=rng.choice(versions).id, model_version_id=model.id, origin=origin,
                                settings=TEXT_DEFAULTS, seed=at, count=OUTPUTS_EACH, status="done",
                                requested_by=visitor.annotator_id)  # fmt: skip
        generations.append(generation)
        for position in range(OUTPUTS_EACH):
            rare = {77: " a quetzal", 78: " 杭州", 79: " жираф"}.get(at % 10_000, "")
            outputs.append(Output(generation_id=generation.id, position=position, seed=at, text=said(rng, 70) + rare,
                                  media_type="text/plain", finish_reason="stop"))  # fmt: skip
        if at % 5 == 0 or at % 10_000 == 77:
            output = outputs[-1]
            acts.append(Rating(annotator_id=visitor.annotator_id, subject=f"rating:{output.id}", output_id=output.id,
                               generation_id=generation.id, score=5, comment=said(rng, 5),
                               tags=("great tone",)))  # fmt: skip
    texts = {version.id: version.text for version in versions}
    words = {generation.id: [texts[generation.prompt_version_id]] for generation in generations}
    for output in outputs:
        words[output.generation_id].append(output.text or "")
    for act in acts:
        words[act.generation_id] += [act.comment, *act.tags]
    with ws.store.writing() as connection:
        ws.store.add(*generations, *outputs, *acts, connection=connection)
        rows = [{"id": i, "annotator_id": visitor.annotator_id, "words": joined(each)} for i, each in words.items()]
        connection.execute(schema.history_words.insert(), rows)


def said(rng: Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))


def page(ws: Workspace, **asked: Any) -> dict[str, Any]:
    """What the page and the endpoint ask for."""
    return api.history(ws, LOCAL, lambda output_id: output_id, limit=PAGE, **asked)


def plainly(ws: Workspace, word: str) -> list[Any]:
    pattern = f"%{word.lower()}%"
    with ws.store.reading() as connection:
        return list(connection.exec_driver_sql(PEER_SQL, (LOCAL.annotator_id, pattern, pattern)))


def seconds(do: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    do()
    return time.perf_counter() - began_s


def median_s(do: Callable[[], object]) -> float:
    do()
    return middle([seconds(do) for _ in range(ROUNDS)])


def middle(measured: list[float]) -> float:
    return round(statistics.median(measured), 4)


if __name__ == "__main__":
    main()
