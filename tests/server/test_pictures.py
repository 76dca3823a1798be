"""Pictures by the endpoints and by their links."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from collab.types import new_id
from tests.server.served import (
    Studio,
    generated,
)


def test_a_picture_is_fetched_by_a_plain_get_of_whoever_holds_its_link(ann: Client, studio: Studio):
    made = generated(ann, "a red square", modality="image", count=2)
    urls = [o["image_url"] for o in made["outputs"]]
    assert len(set(urls)) == 2 and all(u.startswith(studio.served.url) for u in urls)
    answer = httpx.get(urls[0])
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG") and answer.headers["x-content-type-options"] == "nosniff"
    token = urlsplit(urls[0]).path.rsplit("/", 1)[1].removesuffix(".png")
    other = urlsplit(urls[1]).path.rsplit("/", 1)[1].removesuffix(".png")
    output_id = made["outputs"][0]["output_id"]
    sign = studio.served.identity.sign
    for wrong in (
        token[:-1],
        token + "x",
        token.rpartition(".")[0] + "." + other.rpartition(".")[2],
        output_id,
        "x",
        sign("picture", [output_id, 1]),  # ran out in 1970
        sign("picture", [output_id, "tomorrow"]),
        sign("picture", [new_id(), 10**10]),
        sign("picture", output_id),
        sign("visitor", [output_id, 10**10]),
    ):
        answer = httpx.get(f"{studio.served.url}collab/picture/{wrong}.png")
        assert answer.status_code == 404 and "Traceback" not in answer.text
    text = generated(ann)["outputs"][0]["output_id"]
    assert httpx.get(f"{studio.served.url}collab/picture/{sign('picture', [text, 10**10])}.png").status_code == 404


def test_a_picture_taken_away_says_how_it_was_made_and_one_shown_does_not(ann: Client, studio: Studio):
    (output,) = generated(ann, "a secret owl", modality="image")["outputs"]
    shown, taken = httpx.get(output["image_url"]), httpx.get(output["download_url"])
    assert b"secret owl" not in shown.content and b"secret owl" in taken.content
    assert taken.headers["content-disposition"].startswith("attachment") and "sandbox" in str(taken.headers)
    # whoever was shown a picture cannot make its link tell more
    assert httpx.get(output["image_url"].replace("/picture/", "/download/")).status_code == 404
    assert httpx.get(output["download_url"].replace("/download/", "/task/")).status_code == 404


def test_a_picture_is_uploaded_changed_and_edited_by_a_script(ann: Client, bob: Client, studio: Studio, tmp_path: Path):
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (80, 60), "#9fc9ee").save(photo)
    brought = ann.predict(handle_file(photo), api_name="/upload_picture")
    assert (brought["width"], brought["height"]) == (80, 60)
    assert httpx.get(brought["image_url"]).headers["content-type"] == "image/png"
    how = {"modality": "image", "inputs": {"init_output_id": brought["output_id"]}}
    with pytest.raises(AppError, match="of yours"):
        generated(bob, "mine now", **how)
    made = generated(ann, "a boat", **how)
    edited = ann.predict(brought["output_id"], made["outputs"][0]["output_id"], api_name="/edit_image")
    assert edited["output_id"] == brought["output_id"] and edited["blob_sha256"]
    Image.new("RGB", (80, 60), "red").save(photo)
    as_text = base64.b64encode(photo.read_bytes()).decode()
    for image in (as_text, handle_file(photo)):
        again = ann.predict(brought["output_id"], image, api_name="/edit_image")
        assert again["blob_sha256"] != edited["blob_sha256"]
