"""Wordings: what is refused, what variables do, and which words are one version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import InvalidPrompt
from collab.identity import Visitor
from collab.prompts import Wording, check_wording, fill, placeholders, typed_version
from collab.store import Store
from collab.types import Annotator, Example, Prompt, PromptVersion
from tests.store.people import someone


def filled(text: str, **variables: Any) -> str:
    return fill([text], variables)[0][0]


# ---- variables ------------------------------------------------------------------------------------------------------


def test_variables_are_put_in_wherever_they_are_named():
    texts, values = fill(
        ["Tell {name} of {place}, {name}.", "Be {tone}."], {"place": "Oz", "name": "Ann", "tone": "kind"}
    )
    assert texts == ["Tell Ann of Oz, Ann.", "Be kind."]
    assert list(values) == ["name", "place", "tone"]
    assert filled("{名前}さん、{n}歳", 名前="花子", n=7) == "花子さん、7歳"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),  # JSON's nested braces are no escapes
        ('{"a": {"b": {"c": [{}]}}}', '{"a": {"b": {"c": [{}]}}}'),
        ("{{name}} and {name}", "{name} and VALUE"),
        ("{{{name}}}", "{VALUE}"),
        ("\\textbf{{{name}}}", "\\textbf{VALUE}"),
        ("{ name } {} { } {1} {a b} {a-b} {", "{ name } {} { } {1} {a b} {a-b} {"),
        ("${name} $${name}", "$VALUE $$VALUE"),
        ("{{7*7}} {% if x %}", "{{7*7}} {% if x %}"),
        ("%s %(x)s", "%s %(x)s"),
    ],
)
def test_only_a_name_in_braces_is_a_variable(text: str, sent: str):
    wanted = {"name": "VALUE"} if "name" in placeholders(text) else {}
    assert filled(text, **wanted) == sent


def test_a_value_is_not_read_again():
    assert filled("{a} {b}", a="{b} {{b}} ${b}", b="\\1 \\g<0>") == "{b} {{b}} ${b} \\1 \\g<0>"


@given(st.text(alphabet="{}ab \n\"'1", max_size=40), st.text(max_size=20))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_any_text_is_sent_as_it_is_but_for_variables_and_escapes(text: str, value: str):
    names = placeholders(text)
    usable = value if value.strip() and value.isprintable() else "x"
    (sent,), kept = fill([text], dict.fromkeys(names, usable))
    assert set(kept) == set(names)
    if not names and "{{" not in text:
        assert sent == text


@pytest.mark.parametrize(
    ("text", "variables", "said"),
    [
        ("{a}", {}, "The variable {a} has no value: fill it in, or write {{a}} for braces."),
        ("{a}", {"a": " "}, "The variable {a} has no value"),
        ("{a}", {"a": None}, "The variable {a} has no value"),
        ("{a}", {"a": "x", "b": "y"}, "The prompt has no variable {b}: it has {a}."),
        ("hello", {"b": "y"}, "The prompt has no variable {b}: it has none."),
        ("{a}", {"a": "x\x00"}, "control character U+0000"),
        ("{a}", {"a": ["x"]}, "variable {a} must be text"),
        ("{a}", {"a": True}, "variable {a} must be text"),
        ("{a}", {"a": "x" * 100_001}, "100,000 are possible"),
        ("{a}", ["a"], "Variables must be an object"),
        ("{a}", "a=b", "Variables must be an object"),
        ("{a}", {"a": "x", 7: "y"}, "no variable {7}"),
        ("{a}", {"a": "x", "b" * 500: "y"}, "no variable {bbb"),
    ],
)
def test_each_bad_variable_gets_one_sentence(text: str, variables: Any, said: str):
    with pytest.raises(InvalidPrompt) as raised:
        fill([text], variables)
    assert said in str(raised.value) and "\n" not in str(raised.value) and len(str(raised.value)) < 200


# ---- wordings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modality", "wording", "said"),
    [
        ("text", {"text": ""}, "prompt is empty"),
        ("text", {"text": " \n\t "}, "prompt is empty"),
        ("text", {"text": None}, "prompt is empty"),
        ("text", {"text": 7}, "prompt must be text"),
        ("text", {"text": ["hi"]}, "prompt must be text"),
        ("text", {"text": "x" * 20_001}, "20,001 characters, 20,000 are possible"),
        ("text", {"text": "a\x00b"}, "U+0000"),
        ("text", {"text": "a\x1b[31mb"}, "U+001B"),
        ("text", {"text": "a\x7fb"}, "U+007F"),
        ("text", {"text": "a\x85b"}, "U+0085"),
        ("text", {"text": "a\ud800b"}, "U+D800"),
        ("text", {"text": "a", "negative_text": "b"}, "negative prompt is for pictures"),
        ("text", {"text": "a", "system_text": "\x00"}, "system text holds"),
        ("text", {"text": "a", "system_text": {"a": 1}}, "system text must be text"),
        ("text", {"text": "a", "examples": 7}, "Examples must be a list"),
        ("text", {"text": "a", "examples": "ab"}, "Examples must be a list"),
        ("text", {"text": "a", "examples": {"user": "a", "assistant": "b"}}, "Examples must be a list"),
        ("text", {"text": "a", "examples": [["a", "b"]]}, "exactly “user” and “assistant”"),
        ("text", {"text": "a", "examples": [{"user": "a"}]}, "exactly “user” and “assistant”"),
        ("text", {"text": "a", "examples": [{"user": "a", "assistant": ""}]}, "answer of example 1 is empty"),
        ("text", {"text": "a", "examples": [{"user": "a", "assistant": 7}]}, "answer of example 1 must be text"),
        ("text", {"text": "a", "examples": [{"user": "a", "assistant": "b"}] * 17}, "at most 16"),
        ("image", {"text": "a", "system_text": "b"}, "are for text"),
        ("image", {"text": "a", "examples": [{"user": "a", "assistant": "b"}]}, "are for text"),
        ("image", {"text": "a", "negative_text": 7}, "negative prompt must be text"),
    ],
)
def test_each_bad_wording_gets_one_sentence(modality: Any, wording: dict[str, Any], said: str):
    with pytest.raises(InvalidPrompt) as raised:
        check_wording(modality, **wording)
    assert said in str(raised.value) and "\n" not in str(raised.value) and len(str(raised.value)) < 200


def test_every_script_and_hostile_looking_text_is_fine():
    text = "\u202eעברית\u202c مرحبا 👩‍👩‍👧‍👦 <script>x</script> ${x} \tTab\nLine '; DROP TABLE"
    assert check_wording("text", text).text == text
    assert check_wording("text", "a\r\nb\rc").text == "a\nb\nc"


def test_a_wordings_hash_depends_on_every_part_and_nothing_else():
    wording = Wording(modality="text", text="a", system_text="b", examples=(Example(user="c", assistant="d"),))
    again = Wording(modality="text", text="a", system_text="b", examples=(Example(user="c", assistant="d"),))
    assert wording.sha256 == again.sha256 and len(wording.sha256) == 64
    others = [
        Wording(modality="image", text="a"),
        Wording(modality="text", text="a"),
        Wording(modality="text", text="a", system_text="b"),
        Wording(modality="text", text="ab"),
        Wording(modality="text", text="a", negative_text="b"),
        Wording(modality="text", text="a", settings={"top_k": 1}),
    ]
    assert len({w.sha256 for w in [wording, *others]}) == 7
    assert Wording(modality="text", text="x", settings={"a": 1, "b": 2}).sha256 == Wording(
        modality="text", text="x", settings={"b": 2, "a": 1}
    ).sha256  # fmt: skip


# ---- versions -------------------------------------------------------------------------------------------------------


def test_the_same_words_of_one_author_are_one_version_and_of_two_authors_two(store: Store):
    ann, bob = (Visitor(someone(store, prompt=f"{n}").annotator.id, "anonymous") for n in (1, 2))
    wording = check_wording("text", "Say it", system_text="Be brief.")

    def typed(author: Visitor, words: Wording = wording) -> PromptVersion:
        with store.writing() as connection:
            return typed_version(store, words, author, connection=connection)

    first = typed(ann)
    assert typed(ann) == first and typed(bob).id != first.id
    assert typed(ann, check_wording("text", "Say it")).id != first.id
    assert store.get(PromptVersion, first.id) == first
    assert store.get(Prompt, first.prompt_id).title == "Say it"
    assert len(store.find(Annotator)) == 2


def test_a_long_prompt_is_titled_by_the_beginning_of_its_first_line(store: Store):
    ann = Visitor(someone(store).annotator.id, "anonymous")
    with store.writing() as connection:
        version = typed_version(store, check_wording("text", "\n " + "x" * 100 + "\nmore"), ann, connection=connection)
    assert store.get(Prompt, version.prompt_id).title == "x" * 79 + "…"
