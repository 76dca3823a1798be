"""What batching and rounding cost: texts that a crowd changes, pixels that it changes, and the perplexity of int8."""

from __future__ import annotations

import io
from pathlib import Path

from bench.engine.people import Asked, finish, picture, ready_engine, submit, text
from bench.record import Figure

PEOPLE, ROUNDS = 8, 3
PASSAGE = Path(__file__).with_name("passage.txt")  # Carroll 1865 and Lincoln 1863, in the public domain


def figures() -> list[Figure]:
    """All three."""
    return [*_crowd(), _perplexity()]


def _crowd() -> list[Figure]:
    engine, (words, icons) = ready_engine(("smollm2-135m-instruct", "text"), ("icons", "image"))
    import numpy as np
    from PIL import Image

    def pixels(asked: Asked) -> np.ndarray:
        sample = asked.last[0]
        return np.asarray(Image.open(io.BytesIO(sample.image)), dtype=np.int16)  # type: ignore[union-attr, arg-type]

    changed = largest = texts = 0
    for turn in range(ROUNDS):
        numbers = range(turn * PEOPLE, (turn + 1) * PEOPLE)
        for make, info in ((text, words), (picture, icons)):
            crowd = submit(engine, [make(info, number) for number in numbers])  # type: ignore[operator]
            finish(crowd)
            for number, in_crowd in zip(numbers, crowd, strict=True):
                (alone,) = submit(engine, [make(info, number)])  # type: ignore[operator]
                finish([alone])
                if make is text:
                    texts += 1
                    changed += alone.last[0].text != in_crowd.last[0].text  # type: ignore[union-attr]
                else:
                    largest = max(largest, int(np.abs(pixels(alone) - pixels(in_crowd)).max()))
    engine.close()
    return [
        Figure("texts that a crowd of 8 changes", changed / texts, "share", note=f"{texts} texts of 96 tokens, fp32"),
        Figure("largest change of a pixel by a crowd of 8", largest, "levels of 255", note=f"{texts} pictures, fp32"),
    ]


def _perplexity() -> Figure:
    import torch

    from bench.engine.peers import Transformers
    from models.int8 import quantised

    peer = Transformers()
    ids = peer.tokenizer(PASSAGE.read_text(encoding="utf-8"), return_tensors="pt")["input_ids"]

    def perplexity() -> float:
        with torch.inference_mode():
            return float(torch.exp(peer.model(ids, labels=ids).loss))

    whole = perplexity()
    quantised(peer.model)
    return Figure("perplexity of int8", round(perplexity(), 3), "", "fp32", round(whole, 3),
                  f"SmolLM2-135M on {ids.shape[1]} tokens of bench/engine/passage.txt")  # fmt: skip
