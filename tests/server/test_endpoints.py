"""The public endpoints on a real server: what a script sees."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from gradio_client import Client

from collab.types import Generation
from tests.models.fake import fake_words
from tests.server.served import (
    LONG,
    Studio,
    generated,
    states,
)


def test_generate_streams_growing_texts_and_ends_with_the_whole(ann: Client):
    seen = states(ann, LONG, api_name="/generate", count=2, seed=7, settings={"temperature": 0.5})
    last = seen[-1]
    assert len(seen) > 2 and [s["status"] for s in seen if s["status"] != "queued"][-1] == "done"
    assert set(last) >= {
        "generation_id",
        "status",
        "prompt_version_id",
        "model_version_id",
        "outputs",
        "seed",
        "settings",
    }
    assert len({s["generation_id"] for s in seen}) == 1
    assert [o["text"] for o in last["outputs"]] == [" ".join(fake_words(LONG, seed)) for seed in (7, 8)]
    assert [(o["position"], o["seed"], o["finished"]) for o in last["outputs"]] == [(0, 7, True), (1, 8, True)]
    assert last["settings"]["temperature"] == 0.5 and last["error"] is None
    for earlier in seen:
        for before, after in zip(earlier["outputs"], last["outputs"], strict=True):
            assert before["output_id"] == after["output_id"] and after["text"].startswith(before["text"])


def test_a_generation_goes_on_without_its_client_and_another_call_reattaches(ann: Client):
    first = next(iter(ann.submit(LONG, api_name="/generate")))
    again = states(ann, first["generation_id"], api_name="/generation")
    assert again[-1]["status"] == "done" and len(again[-1]["outputs"][0]["text"].split()) == 31
    assert states(ann, first["generation_id"], api_name="/generation") == again[-1:]


def test_a_request_id_reattaches_instead_of_generating_twice(ann: Client):
    one, two = generated(ann, "a", request_id="once"), generated(ann, "a", request_id="once")
    assert one["generation_id"] == two["generation_id"]


def test_cancel_keeps_the_text_so_far(ann: Client):
    job = ann.submit(" ".join([LONG] * 20), api_name="/generate", settings={"max_new_tokens": 600})
    first = next(iter(job))
    ann.predict(first["generation_id"], api_name="/cancel")
    last = states(ann, first["generation_id"], api_name="/generation")[-1]
    assert last["status"] == "cancelled" and len((last["outputs"][0]["text"] or "").split()) < 600


def test_every_act_of_feedback_works_and_shows_in_history(ann: Client, studio: Studio):
    client = studio.client()
    made = generated(client, "judge me", count=3)
    a, b, c = (o["output_id"] for o in made["outputs"])
    rated = client.predict(a, 4, {"helpful": 5}, ["clear"], "nice", api_name="/rate")
    client.predict(a, thumb=1, spans=[{"start": 0, "end": 5, "label": "good"}], api_name="/rate")
    compared = client.predict(a, b, "a", "shorter", api_name="/compare")
    ranked = client.predict([[c], [a, b]], api_name="/rank")
    edited = client.predict(b, "other words", api_name="/edit_text")
    assert all(set(x) >= {"feedback_id", "saved_at"} for x in (rated, compared, ranked, edited))
    (item,) = client.predict(api_name="/history")["items"]
    first, second, _ = item["outputs"]
    rating = first["feedback"]["rating"]
    assert (rating["score"], rating["thumb"], rating["aspects"], rating["tags"], rating["comment"]) == (
        4,
        1,
        {"helpful": 5},
        ["clear"],
        "nice",
    )
    assert second["feedback"]["edit"]["text"] == "other words" and item["ranking"]["groups"] == [[c], [a, b]]
    undone = client.predict(edited["feedback_id"], api_name="/undo")
    assert (undone["undone_id"], undone["restored_id"]) == (edited["feedback_id"], None)
    (item,) = client.predict(api_name="/history")["items"]
    assert item["outputs"][1]["feedback"]["edit"] is None


def test_history_pages_and_searches(studio: Studio):
    client = studio.client()
    made = [generated(client, f"prompt {n} 北京 100%")["generation_id"] for n in range(5)]
    first = client.predict(2, api_name="/history")
    second = client.predict(limit=2, cursor=first["next_cursor"], api_name="/history")
    third = client.predict(limit=2, cursor=second["next_cursor"], api_name="/history")
    assert [i["generation_id"] for page in (first, second, third) for i in page["items"]] == made[::-1]
    assert third["next_cursor"] is None
    for query, found in {'"PROMPT 3"': made[3:4], "北京": made[::-1], "0%": made[::-1], "0%x": [], "_": []}.items():
        page = client.predict(query=query, api_name="/history")
        assert [i["generation_id"] for i in page["items"]] == found, query


def test_models_lists_what_can_be_chosen(ann: Client):
    listed = ann.predict(api_name="/models")
    assert [(m["name"], m["modality"]) for m in listed["models"]] == [("fake-text", "text"), ("fake-image", "image")]
    assert all(m["defaults"] for m in listed["models"])


def test_a_version_and_a_model_of_before_are_used_by_their_ids(ann: Client):
    first = generated(ann, "Greet {who}", variables={"who": "Bob"}, seed=3)
    again = generated(
        ann,
        "",
        prompt_version_id=first["prompt_version_id"],
        model=first["model_version_id"],
        variables={"who": "Bob"},
        seed=3,
    )
    assert again["outputs"][0]["text"] == first["outputs"][0]["text"]
    assert again["prompt_version_id"] == first["prompt_version_id"]


def test_requests_of_different_people_are_worked_on_at_once(studio: Studio):
    clients = [studio.client() for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda c: states(c, LONG, api_name="/generate"), clients))
    assert [a[-1]["status"] for a in answers] == ["done"] * 3
    rows = [studio.ws.store.get(Generation, a[-1]["generation_id"]) for a in answers]
    moments = [(r.created_at, r.created_at + timedelta(seconds=r.timings["total"])) for r in rows]
    assert max(start for start, _ in moments) < min(end for _, end in moments)


def test_what_the_page_calls_is_not_offered_as_an_endpoint(ann: Client):
    offered = set(ann.view_api(return_format="dict")["named_endpoints"])
    assert offered == {
        "/generate", "/generation", "/cancel", "/rate", "/compare", "/rank", "/edit_text",
        "/edit_image", "/upload_picture", "/undo", "/history", "/branches", "/explain", "/export_my_data",
        "/delete_my_data", "/consent", "/call_me", "/models",
        "/save_prompt", "/saved_prompts", "/saved_prompt", "/change_prompt",
        "/presets", "/save_preset", "/delete_preset", "/make_grid", "/grid", "/grids", "/change_grid",
        "/create_study", "/upload_rows", "/studies", "/next_task", "/answer_task", "/skip_task",
        "/flag_task", "/renew_task", "/undo_task", "/reveal_task", "/study", "/leaderboard", "/study_table",
        "/close_study", "/export",
        "/propose", "/start_proposing", "/job", "/cancel_job", "/refinement", "/refinements", "/revise", "/reject",
        "/start_trial", "/stop_trial", "/promote", "/rollback", "/snapshot", "/train",
        "/push_adapter",
        "/resume_job",
    }  # fmt: skip
