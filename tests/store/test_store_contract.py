"""What a store promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from collab.errors import NotFound
from collab.store import Conflict, Store
from collab.store.history_queries import Wanted, history_page
from collab.store.queries import live_acts, outputs_of, tip
from collab.types import (
    Annotator,
    Edit,
    Example,
    Generation,
    ModelVersion,
    Output,
    OutputTokens,
    Preference,
    Prompt,
    PromptVersion,
    Ranking,
    Rating,
    Retraction,
    new_id,
    now,
)
from tests.conftest import counts, random_sha256
from tests.store.people import Someone, someone

HOSTILE = [
    "${process.exit(1)} `${alert(1)}`",
    "{{value}} {{{value}}} {% raw %}",
    "<script>alert(1)</script> &lt;b&gt; \"quotes\" 'single' \\backslash\\u0041",
    "'; DROP TABLE feedback; --",
    "\u202eright to left\u202c مرحبا بالعالم",
    "👩‍👩‍👧‍👦 🏳️‍🌈 \U0001f9ff 中文 한국어 ﷽",
    "e\u0301 is not \u00e9, and \ufeff stays",
    "line\nbreaks\tand tabs ",
    "%s %(x)s ? :name $1",
    "",
]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each returned or raised, all started at the same moment."""
    barrier, results = threading.Barrier(len(works)), [None] * len(works)

    def run(number: int, work: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[number] = work()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestStore:
    """One contract. The `store` fixture runs each test on both databases."""

    # ---- rows in and out ----

    def test_every_noun_comes_back_as_it_was(self, store: Store):
        ann = someone(store)
        version = PromptVersion(
            prompt_id=ann.prompt.id,
            parent_id=ann.version.id,
            text="Sum up {article}",
            negative_text="no",
            system_text="Be brief.",
            examples=(Example(user="a", assistant="b"),),
            settings={"temperature": 0.1, "stop": ["\n\n"]},
            origin="refiner",
            rationale="shorter",
            content_sha256=random_sha256(),
            created_by=ann.annotator.id,
        )
        model = ModelVersion(
            name="tuned",
            modality="image",
            base="b",
            revision="r2",
            precision="bf16",
            adapter_sha256=random_sha256(),
            parent_id=ann.model.id,
            snapshot_id=new_id(),
            recipe={"lr": 1e-3},
            metrics={"loss": [0.5, 0.25]},
        )
        generation = replace(
            ann.generation,
            id=new_id(),
            variables={"article": "…"},
            inputs={"prefix": "Well"},
            rendered="<|im_start|>",
            error="It failed.",
            status="failed",
            request_id="r",
            lease_until=now(),
            worker="host:1:x",
            timings={"total": 1.25},
            origin="replay",
        )
        output = replace(
            ann.output,
            id=new_id(),
            generation_id=generation.id,
            blob_sha256=random_sha256(),
            prompt_tokens=3,
            completion_tokens=9,
            seconds=0.125,
        )
        tokens = OutputTokens(id=output.id, tokens=(["Wo", -0.25, [["Wa", -1.5]]], ["rld", -3.0, []]))
        rating = ann.rating(
            thumb=-1, aspects={"style": 2}, tags=("long", "dull"), comment="hm", spans=({"start": 0, "end": 2},)
        )
        edit = Edit(
            annotator_id=ann.annotator.id,
            subject=f"edit:{ann.output.id}",
            generation_id=ann.generation.id,
            output_id=ann.output.id,
            text="It was said",
            edit_distance=1,
            request_id="e",
        )
        preference = Preference(
            annotator_id=ann.annotator.id,
            subject="preference:x",
            generation_id=ann.generation.id,
            output_a_id=ann.output.id,
            output_b_id=ann.output.id,
            winner="both_bad",
            left_id=ann.output.id,
            blind=True,
            revealed_at=now(),
            dwell_ms=1200,
            propensity=0.5,
            task_id=new_id(),
        )
        ranking = Ranking(
            annotator_id=ann.annotator.id,
            subject="ranking:x",
            generation_id=ann.generation.id,
            groups=(("one",), ("two", "three")),
        )
        retraction = Retraction(
            annotator_id=ann.annotator.id,
            subject=rating.subject,
            generation_id=ann.generation.id,
            supersedes_id=rating.id,
            retracts_id=rating.id,
        )
        rows = [version, model, generation, output, tokens, rating, edit, preference, ranking, retraction]
        store.add(*rows)
        assert [store.get(type(row), row.id) for row in rows] == rows
        assert store.acts([retraction.id, edit.id, rating.id, "unknown"]) == [rating, edit, retraction]

    def test_an_unknown_id_is_not_found(self, store: Store):
        with pytest.raises(NotFound, match="no generation with the id “nowhere”"):
            store.get(Generation, "nowhere")
        assert store.find(Generation, id="nowhere") == []
        assert store.acts([]) == []

    def test_find_takes_values_lists_of_values_and_none(self, store: Store):
        one, two = someone(store), someone(store)
        assert {v.id for v in store.find(PromptVersion, parent_id=None)} == {one.version.id, two.version.id}
        assert [o.id for o in store.find(Output, id=[one.output.id, two.output.id, new_id()])] == sorted(
            [one.output.id, two.output.id]
        )
        assert store.find(Output, id=[]) == []
        assert store.find(Output, generation_id=one.generation.id, seed=8) == []
        assert len(store.find(Output, limit=1)) == 1

    def test_any_text_comes_back_letter_by_letter(self, store: Store):
        for text in HOSTILE:
            ann = someone(store, prompt=text, text=text)
            store.add(ann.rating(comment=text, tags=(text,), aspects={text: 1}))
            assert store.get(PromptVersion, ann.version.id).text == text
            assert store.get(Output, ann.output.id).text == text
            (rating,) = store.find(Rating, output_id=ann.output.id)
            assert (rating.comment, rating.tags, rating.aspects) == (text, (text,), {text: 1})

    def test_what_a_database_cannot_keep_leaves_nothing(self, store: Store):
        ann = someone(store)
        before = counts(store)
        unkept = ["half a pair \ud83d"]
        if store.engine.dialect.name == "postgresql":  # SQLite does keep NUL
            unkept.append("nul\x00 in the middle")
        for text in unkept:
            with pytest.raises((UnicodeEncodeError, sa.exc.DBAPIError)):
                store.add(Annotator(), ann.rating(comment=text))
            assert counts(store) == before

    def test_times_keep_their_microseconds(self, store: Store):
        for moment in (
            datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC),
            datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
            datetime(2030, 1, 1, 5, 30, 0, 7, timezone(timedelta(hours=5, minutes=30))),
        ):
            row = Annotator(created_at=moment)
            store.add(row)
            back = store.get(Annotator, row.id).created_at
            assert back == moment and back.utcoffset() == timedelta(0)

    def test_numbers_keep_their_spelling_and_objects_their_order(self, store: Store):
        ann = someone(store)
        settings = {"z": 1, "a": 1.0, "m": [1e-7, 123456789012345678901, True, None]}
        generation = replace(ann.generation, id=new_id(), settings=settings)
        store.add(generation)
        back = store.get(Generation, generation.id).settings
        assert list(back) == ["z", "a", "m"] and repr(back) == repr(settings)

    # ---- all or nothing ----

    def test_add_writes_all_rows_or_none(self, store: Store):
        ann = someone(store)
        before = counts(store)
        with pytest.raises(Conflict):
            store.add(Annotator(), ann.rating(), ann.rating())  # a second beginning of one chain
        assert counts(store) == before

    def test_an_error_inside_a_transaction_undoes_it(self, store: Store):
        before = counts(store)
        with pytest.raises(ZeroDivisionError), store.writing() as connection:
            store.add(Annotator(), connection=connection)
            raise ZeroDivisionError
        assert counts(store) == before

    def test_a_reader_never_sees_half_a_transaction(self, store: Store):
        with store.writing() as connection:
            store.add(Annotator(), connection=connection)
            assert store.find(Annotator) == []
        assert len(store.find(Annotator)) == 1

    def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(self, store: Store):
        with store.reading() as connection:
            assert store.find(Annotator, connection=connection) == []
            store.add(Annotator())
            assert store.find(Annotator, connection=connection) == []

    def test_a_reference_to_nowhere_is_refused_and_is_no_conflict(self, store: Store):
        ann = someone(store)
        before = counts(store)
        with pytest.raises(IntegrityError):
            store.add(ann.rating(output_id=new_id()))
        assert counts(store) == before

    def test_the_database_itself_refuses_impossible_ratings(self, store: Store):
        ann = someone(store)
        for broken in ({"score": 6}, {"score": 0}, {"thumb": 0}, {"thumb": 2}, {"output_id": None}, {"comment": None}):
            with pytest.raises(IntegrityError):
                store.add(ann.rating(**broken))
        assert store.find(Rating) == []

    # ---- immutable ----

    def test_nouns_are_frozen(self, store: Store):
        ann = someone(store)
        with pytest.raises(FrozenInstanceError):
            ann.output.text = "other"  # type: ignore[misc]

    def test_what_is_no_job_state_cannot_be_updated(self, store: Store):
        changeable = {
            Generation: {"status", "error", "rendered", "lease_until", "worker", "timings"},
            Output: {"text", "blob_sha256", "finish_reason", "prompt_tokens", "completion_tokens", "seconds"},
        }
        for cls in (Generation, Output, PromptVersion, ModelVersion, Prompt, Rating, Edit, Retraction):
            for field in {f.name for f in fields(cls)} - changeable.get(cls, set()):
                with pytest.raises(ValueError, match="immutable"):
                    store.update(cls, new_id(), {field: "x"})

    def test_update_says_whether_a_row_matched(self, store: Store):
        ann = someone(store)
        waiting = replace(ann.generation, id=new_id(), status="queued")
        store.add(waiting)
        assert store.update(Generation, waiting.id, {"status": "running"}, only_if={"status": ["queued", "running"]})
        assert not store.update(Generation, waiting.id, {"status": "done"}, only_if={"status": "queued"})
        assert not store.update(Generation, new_id(), {"status": "done"})
        assert store.get(Generation, waiting.id) == replace(waiting, status="running")

    def test_only_one_of_many_at_once_moves_a_job_on(self, store: Store):
        ann = someone(store)
        waiting = replace(ann.generation, id=new_id(), status="queued")
        store.add(waiting)

        def claim() -> bool:
            return store.update(Generation, waiting.id, {"status": "running"}, only_if={"status": "queued"})

        assert sorted(at_once(*[claim] * 6)) == [False] * 5 + [True]

    # ---- uniqueness ----

    def test_a_chain_has_one_beginning_however_many_begin_it(self, store: Store):
        ann = someone(store)
        results = at_once(*[lambda score=score: store.add(ann.rating(score)) for score in (1, 2, 3, 4, 5)])
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 4
        assert len(store.find(Rating)) == 1

    def test_an_act_has_one_successor_however_many_follow_it(self, store: Store):
        ann = someone(store)
        first = ann.rating()
        store.add(first)
        results = at_once(*[lambda s=s: store.add(ann.rating(s, supersedes_id=first.id)) for s in (1, 2, 4, 5)])
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 3
        assert len(store.find(Rating)) == 2

    def test_each_person_has_a_chain_of_their_own(self, store: Store):
        ann, bob = someone(store), someone(store)
        store.add(ann.rating(), ann.rating(annotator_id=bob.annotator.id))
        assert len(store.find(Rating)) == 2

    def test_a_request_id_is_used_once_by_each_person(self, store: Store):
        ann, bob = someone(store), someone(store)
        store.add(ann.rating(request_id="r"), bob.rating(request_id="r"))
        with pytest.raises(Conflict):
            store.add(ann.rating(subject="other", request_id="r"))
        asked = replace(ann.generation, id=new_id(), request_id="g")
        store.add(asked, replace(asked, id=new_id(), requested_by=bob.annotator.id))
        with pytest.raises(Conflict):
            store.add(replace(asked, id=new_id()))

    def test_a_wording_typed_twice_by_one_author_is_one_version(self, store: Store):
        ann, bob = someone(store), someone(store, prompt="Something else")
        twin = replace(ann.version, id=new_id())
        with pytest.raises(Conflict):
            store.add(twin)
        store.add(replace(twin, created_by=bob.annotator.id))
        store.add(replace(twin, id=new_id(), origin="refiner"), replace(twin, id=new_id(), parent_id=ann.version.id))

    def test_one_set_of_weights_is_one_model_version(self, store: Store):
        ann = someone(store)
        with pytest.raises(Conflict):
            store.add(replace(ann.model, id=new_id()))
        adapted = replace(ann.model, id=new_id(), adapter_sha256="a" * 64)
        store.add(adapted, replace(ann.model, id=new_id(), precision="bf16"))
        with pytest.raises(Conflict):
            store.add(replace(adapted, id=new_id()))

    def test_a_position_is_filled_once(self, store: Store):
        ann = someone(store)
        with pytest.raises(Conflict):
            store.add(replace(ann.output, id=new_id()))

    def test_an_id_is_used_once(self, store: Store):
        row = Annotator()
        store.add(row)
        with pytest.raises(Conflict):
            store.add(row)

    def test_many_threads_write_and_read_at_once(self, store: Store):
        people = [someone(store) for _ in range(6)]

        def busy(ann: Someone) -> int:
            last = None
            for number in range(8):
                act = ann.rating(1 + number % 5, supersedes_id=last)
                store.add(act)
                last = act.id
                live = live_acts(store, ann.annotator.id, [ann.generation.id])
                assert [a.id for a in live] == [last]
            return len(store.find(Rating, annotator_id=ann.annotator.id))

        assert at_once(*[lambda ann=ann: busy(ann) for ann in people]) == [8] * 6

    # ---- questions ----

    def test_the_tip_of_a_chain_tells_what_is_in_force(self, store: Store):
        ann = someone(store)
        subject = f"rating:{ann.output.id}"

        def where():
            with store.reading() as connection:
                found = tip(store, ann.annotator.id, subject, connection=connection)
            return found and (found.tip_id, found.live_id)

        def undo(what: Rating, after: str, restores: str | None) -> Retraction:
            return Retraction(
                annotator_id=ann.annotator.id,
                subject=subject,
                generation_id=ann.generation.id,
                supersedes_id=after,
                retracts_id=what.id,
                restores_id=restores,
            )

        def live() -> list[str]:
            return [a.id for a in live_acts(store, ann.annotator.id, [ann.generation.id])]

        assert where() is None and live() == []
        first = ann.rating(1)
        store.add(first)
        assert where() == (first.id, first.id) and live() == [first.id]
        second = ann.rating(2, supersedes_id=first.id)
        store.add(second)
        assert where() == (second.id, second.id) and live() == [second.id]
        back = undo(second, second.id, first.id)
        store.add(back)
        assert where() == (back.id, first.id) and live() == [first.id]
        gone = undo(first, back.id, None)
        store.add(gone)
        assert where() == (gone.id, None) and live() == []

    def test_live_state_follows_the_chain_and_not_the_clock(self, store: Store):
        ann = someone(store)
        first = ann.rating(1, created_at=datetime(2030, 1, 1, tzinfo=UTC))
        second = ann.rating(2, supersedes_id=first.id, created_at=datetime(2020, 1, 1, tzinfo=UTC))
        store.add(first, second)
        assert live_acts(store, ann.annotator.id, [ann.generation.id]) == [second]

    def test_other_peoples_acts_are_never_ones_own(self, store: Store):
        ann, bob = someone(store), someone(store)
        store.add(ann.rating(1), ann.rating(5, annotator_id=bob.annotator.id))
        (mine,) = live_acts(store, ann.annotator.id, [ann.generation.id])
        assert mine.score == 1  # type: ignore[union-attr]
        assert live_acts(store, ann.annotator.id, [bob.generation.id]) == []

    def test_history_pages_through_ones_own_generations_newest_first(self, store: Store):
        ann, bob = someone(store), someone(store)
        made = [replace(ann.generation, id=new_id()) for _ in range(6)]
        store.add(*made, replace(bob.generation, id=new_id()))
        newest_first = sorted([ann.generation.id, *(g.id for g in made)], reverse=True)
        seen: list[str] = []
        while page := history_page(store, ann.annotator.id, limit=3, before_id=seen[-1] if seen else ""):
            seen += [g.id for g in page]
        assert seen == newest_first

    def test_history_is_searched_for_the_very_characters(self, store: Store):
        prompt = "100% of snake_case in 北京市 🏳️‍🌈 äpfel Привет ${x} back\\slash a/b '; DROP TABLE"
        ann = someone(store, prompt=prompt, text="He said it.")
        someone(store, prompt=prompt, text="He said it.")  # somebody else with the very same words
        for query, found in {
            "100%": True,
            "0%x": False,  # % is no wildcard
            "snake_case": True,
            "snake case": False,
            "snake__ase": False,  # nor is _
            "SNAKE_": True,
            "北京": True,
            "京北": False,
            "🏳️‍🌈": True,
            "ÄPFEL": True,
            "ПРИВЕТ": True,
            "${x}": True,
            "back\\slash": True,
            "a/b": True,
            "'; DROP": True,
            "said it": True,  # in the output
            "nothing like it": False,
        }.items():
            page = history_page(store, ann.annotator.id, limit=9, wanted=Wanted(words=(query,)))
            assert [g.id for g in page] == ([ann.generation.id] if found else []), query

    def test_outputs_are_grouped_by_generation_in_order(self, store: Store):
        ann, bob = someone(store), someone(store)
        more = [replace(ann.output, id=new_id(), position=position) for position in (3, 1, 2)]
        store.add(*more)
        grouped = outputs_of(store, [ann.generation.id, bob.generation.id, "unknown"])
        assert [o.position for o in grouped[ann.generation.id]] == [0, 1, 2, 3]
        assert grouped[bob.generation.id] == [bob.output] and grouped["unknown"] == []

    def test_ids_sort_by_the_time_of_making(self, store: Store):
        made = [Annotator() for _ in range(50)]
        store.add(*reversed(made))
        assert [a.id for a in store.find(Annotator)] == [a.id for a in made]

    def test_unknown_columns_are_a_programmers_error(self, store: Store):
        with pytest.raises(KeyError):
            store.find(Prompt, nothing_of_the_kind=1)

    def test_writes_are_flushed_to_disk_before_they_are_acknowledged(self, store: Store):
        with store.reading() as connection:
            if store.engine.dialect.name == "sqlite":
                assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 2  # FULL
                assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
                assert connection.execute(sa.text("PRAGMA foreign_keys")).scalar_one() == 1
            else:
                assert connection.execute(sa.text("SHOW synchronous_commit")).scalar_one() == "on"
