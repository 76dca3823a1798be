"""Small judged sets of every kind, with everything filled in that a set can say."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from PIL import Image

from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.exchange.pictures import plain_picture

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
HARD = "=1+1, \"quoted\"; 'apostrophe'\nsecond line\ttab — 漢字 🙂 | `code` <b>"  # what trips CSV, JSON and Markdown


def picture(colour: str = "red", *, size: tuple[int, int] = (5, 4), mode: str = "RGB") -> bytes:
    """A plain PNG of one colour."""
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return plain_picture(file.getvalue())


def said(answer: dict, who: str = "p-1", place: int = 0, **more: object) -> JudgedAnswer:
    facts = {
        "at": NOON + timedelta(minutes=place),
        "event_id": f"event-{who}-{place}",
        "blind": True,
        "comment": f"{HARD} {place}",
        "dwell_ms": 4200 + place,
    }
    return JudgedAnswer(annotator=who, answer=answer, **(facts | more))  # type: ignore[arg-type]


def output(arm: str, place: int, text: str | None = None, image: bytes | None = None) -> JudgedOutput:
    return JudgedOutput(
        arm=arm,
        text=text,
        image=image,
        media_type="text/plain" if image is None else "image/png",
        output_id=f"output-{arm}-{place}",
        seed=2**32 - 1 - place,
        model_revision="unpinned",
        prompt_version_id=f"version-{arm}",
        settings={"temperature": 0.7, "stop": ["\n"]} if place else {},
    )


def compare_texts() -> JudgedSet:
    items = []
    for place, winner in enumerate(["a", "b", "tie", "both_bad"]):
        items.append(
            JudgedItem(
                item_id=f"item-{place}",
                prompt=f"Prompt {place} {HARD}",
                messages=()
                if place % 2
                else ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}),
                outputs=(output("short", place, f"first {HARD}"), output("long", place, f"second {place}")),
                tag="odd" if place % 2 else "",
                answers=tuple(said({"winner": winner}, f"p-{who}", place, blind=bool(who)) for who in range(2)),
            )
        )
    return JudgedSet(title=f"Which? {HARD}".replace("\n", " "), task="compare", question=HARD, items=tuple(items))


def compare_pictures() -> JudgedSet:
    colours = ["red", "green", "blue", "white"]
    items = tuple(
        JudgedItem(
            item_id=f"item-{place}",
            prompt=f"a {colours[place]} square",
            outputs=(
                output("one", place, image=picture(colours[place])),
                output("two", place, image=picture("#11223344", mode="RGBA")),
            ),
            answers=(said({"winner": winner}, "p-1", place),),
        )
        for place, winner in enumerate(["a", "b", "tie", "both_bad"])
    )
    return JudgedSet(title="Pictures", task="compare", modality="image", question="Which is nicer?", items=items)


def rank_texts() -> JudgedSet:
    outputs = tuple(output(f"arm-{n}", n, f"text {n}") for n in range(4))
    items = (
        JudgedItem(
            item_id="four",
            prompt="Say it",
            outputs=outputs,
            answers=(said({"groups": [["B"], ["A", "D"], ["C"]]}), said({"groups": [["A", "B", "C", "D"]]}, "p-2")),
        ),
        JudgedItem(
            item_id="three", prompt="Say", outputs=outputs[:3], answers=(said({"groups": [["C"], ["A"], ["B"]]}),)
        ),
        JudgedItem(item_id="nobody", prompt="Say nothing", outputs=outputs),
    )
    return JudgedSet(title="Ranking", task="rank", question="Order them", guidelines=HARD, items=items)


QUESTIONS = (
    {"name": "quality", "title": "How good?", "kind": "stars", "options": [], "required": True},
    {"name": "thumb", "title": "Good?", "kind": "thumb", "options": [], "required": False},
    {"name": "Tone of it", "title": "Tone?", "kind": "choice", "options": ["warm", "=cold"], "required": False},
    {
        "name": "flaws",
        "title": "Flaws?",
        "kind": "multi_choice",
        "options": ["long", "odd", "wrong"],
        "required": False,
    },
    {"name": "prompt", "title": "Why?", "kind": "text", "options": [], "required": False},
    {"name": "marks", "title": "Where?", "kind": "span", "options": ["claim"], "required": False},
)


def rate_texts() -> JudgedSet:
    everything = {
        "quality": 4,
        "thumb": -1,
        "Tone of it": "=cold",
        "flaws": ["odd", "long"],
        "prompt": HARD,
        "marks": [{"start": 0, "end": 3, "label": "claim"}],
    }
    items = (
        JudgedItem(
            item_id="one",
            prompt="Write",
            outputs=(output("only", 1, f"written {HARD}"),),
            answers=(said({"values": everything}), said({"values": {"quality": 1}}, "p-2")),
        ),
        JudgedItem(item_id="two", prompt="Write", outputs=(output("only", 2, ""),), answers=()),
    )
    return JudgedSet(title="Rating", task="rate", questions=QUESTIONS, items=items)


def rate_pictures() -> JudgedSet:
    item = JudgedItem(
        item_id="one",
        prompt="a square",
        outputs=(output("only", 1, image=picture()),),
        answers=(said({"values": {"quality": 5}}),),
    )
    return JudgedSet(title="Stars", task="rate", modality="image", questions=QUESTIONS[:1], items=(item,))


def edit_texts() -> JudgedSet:
    item = JudgedItem(
        item_id="one",
        prompt="Write",
        outputs=(output("only", 1, "teh text"),),
        answers=(said({"text": f"the text {HARD}"}), said({"text": ""}, "p-2")),
    )
    return JudgedSet(title="Editing", task="edit", question="Make it right", items=(item,))


ALL = (compare_texts, compare_pictures, rank_texts, rate_texts, rate_pictures, edit_texts)
