"""`python -m bench.engine [text] [pictures] [waiting] [quality]`: the engine's figures; without a name, all of them."""

from __future__ import annotations

import statistics
import sys
import time

from bench.engine import quality
from bench.engine.people import ROUNDS, TOKENS, finish, in_turn, picture, ready_engine, submit, text
from bench.record import Figure, keep

PEOPLE = 8
EMBEDDED, EIGHT_BITS = "smollm2-135m-instruct", "smollm2-135m-instruct:int8"


def tokens() -> list[Figure]:
    """Tokens a second of eight people and of one, and the time that four outputs of one prompt take."""
    from bench.engine.peers import Transformers, llama_server

    engine, (whole, rounded) = ready_engine((EMBEDDED, "text"), (EIGHT_BITS, "text"))

    def ours(info: object, people: int) -> float:
        asked = submit(engine, [text(info, number) for number in range(people)])  # type: ignore[arg-type]
        seconds = finish(asked)
        return sum(one.tokens for one in asked) / seconds

    def best_of_four(together: bool) -> float:
        if together:
            return finish(submit(engine, [text(whole, 0, count=4)]))
        return sum(finish(submit(engine, [text(whole, 0)])) for _ in range(4))

    peer = Transformers()
    with llama_server() as llama:
        eight, eight_int8, generate, continuous, server = in_turn(
            ROUNDS,
            lambda: ours(whole, PEOPLE),
            lambda: ours(rounded, PEOPLE),
            lambda: peer.one_at_a_time(PEOPLE),
            lambda: peer.continuously(PEOPLE),
            lambda: llama(PEOPLE),
        )
    one, one_int8, single = in_turn(
        ROUNDS, lambda: ours(whole, 1), lambda: ours(rounded, 1), lambda: peer.one_at_a_time(1)
    )
    four, in_a_row = in_turn(ROUNDS, lambda: best_of_four(True), lambda: best_of_four(False))
    engine.close()
    note = f"SmolLM2-135M, at most {TOKENS} new tokens each, medians of {ROUNDS} rounds in turn"
    figures = []
    for name, value, single_value in (("fp32", eight, one), ("int8", eight_int8, one_int8)):
        figures += [
            Figure(f"tokens/s of 8 people, {name}", round(value, 1), "1/s", peer_name, round(peer_value, 1), note)
            for peer_name, peer_value in (
                ("generate, one at a time", generate),
                ("transformers continuous batching", continuous),
                ("llama-cpp-python server, Q4_1", server),
            )
        ]
        figures.append(
            Figure(f"tokens/s alone, {name}", round(single_value, 1), "1/s", "generate", round(single, 1), note)
        )
    figures.append(Figure("best of 4", round(four, 2), "s", "four one after another", round(in_a_row, 2), note))
    return figures


def pictures() -> list[Figure]:
    """Pictures a second of eight people."""
    from bench.engine.peers import Diffusers

    engine, (info,) = ready_engine(("icons", "image"))
    peer = Diffusers()
    ours, theirs = in_turn(
        ROUNDS,
        lambda: PEOPLE / finish(submit(engine, [picture(info, number) for number in range(PEOPLE)])),
        lambda: peer.one_at_a_time(PEOPLE),
    )
    engine.close()
    note = f"icons, 20 steps, guidance 3, medians of {ROUNDS} rounds in turn"
    return [
        Figure("pictures/s of 8 people", round(ours, 2), "1/s", "pipeline calls, one at a time", round(theirs, 2), note)
    ]


def waiting() -> list[Figure]:
    """A light request behind one person's fifty, and how soon a cancel frees its place."""
    engine, (info,) = ready_engine((EMBEDDED, "text"))

    def wait_s(owner: str) -> float:
        crowd = submit(engine, [text(info, number, "ada", tokens=32) for number in range(50)])
        crowd[0].begun.wait(60)
        (light,) = submit(engine, [text(info, 99, owner, tokens=4)])
        finish([light])
        for one in crowd:
            engine.cancel(one.request.id)
        for one in crowd:
            one.over.wait(60)
        return light.first_s - light.submitted_s

    # in the queue of the same person a request is served first in, first out
    fair, fifo = in_turn(3, lambda: wait_s("bob"), lambda: wait_s("ada"))

    step_s, freed_s = [], []
    for _ in range(20):
        crowd = submit(engine, [text(info, number) for number in range(PEOPLE)])
        for one in crowd:
            one.begun.wait(60)
        before, began_s = crowd[1].tokens, time.perf_counter()
        time.sleep(0.5)
        step_s.append((time.perf_counter() - began_s) / max(1, crowd[1].tokens - before))
        began_s = time.perf_counter()
        engine.cancel(crowd[0].request.id)
        crowd[0].over.wait(60)
        freed_s.append(time.perf_counter() - began_s)
        for one in crowd:
            engine.cancel(one.request.id)
            one.over.wait(60)
    engine.close()
    return [
        Figure("wait of a light request behind 50", round(fair, 3), "s", "first in, first out", round(fifo, 2),
               "until its first token; 50 requests of one person, 32 tokens each"),
        Figure("cancel to slot free", round(statistics.median(freed_s), 4), "s", "one step of eight people",
               round(statistics.median(step_s), 4), "median of 20"),
    ]  # fmt: skip


PARTS = {"text": tokens, "pictures": pictures, "waiting": waiting, "quality": quality.figures}


def main(names: list[str] | None = None) -> None:
    """Print and keep the figures of these parts, or of all."""
    for name in names or list(PARTS):
        keep(PARTS[name](), f"engine {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
