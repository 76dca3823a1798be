"""Every word in every language: no key, placeholder or sentence is missing, and a sentence finds its translation."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from collab.errors import InvalidFeedback
from collab.ui.language import language_of, words_script
from collab.ui.locales import WORK, _catalogue, _TooMuch, _Translation, said_in
from collab.ui.locales.answers import answer_in
from collab.ui.locales.templates import error_templates, said_templates

UI = Path(__file__).parent.parent / "collab" / "ui"
_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[\w-]+(?=\s*:)|[\[\]{}:,+]')


def table(name: str) -> dict[str, list[str]]:
    """The top keys of a table of words, each with the strings and brackets of its value."""
    source = (UI / "widgets" / name).read_text(encoding="utf-8")
    tokens = [t for t in _TOKEN.findall(source[source.index("= {") + 2 :]) if not t.startswith("//")]
    found: dict[str, list[str]] = {}
    depth, key = 0, ""
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token, 0)
        if depth == 1 and after == ":":
            key = token.strip("\"'")
            assert key not in found, f"{name} says {key} twice"
            found[key] = []
        elif key and token not in (":", ",", "+"):
            found[key].append(token)
    return found


def shape(tokens: list[str]) -> list[str]:
    """A value without its words: its brackets and keys, and how many strings; joined strings count once."""
    return [t if t[0] not in "\"'" else "·" for t in tokens]


def placeholders(tokens: list[str]) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", " ".join(tokens)))


def test_the_widgets_say_everything_in_both_languages():
    english, chinese = table("strings.js"), table("strings_zh.js")
    assert len(english) > 1000
    missing = [f"  {key}: {' '.join(words)}," for key, words in english.items() if key not in chinese]
    assert not missing, "strings_zh.js lacks:\n" + "\n".join(missing)
    assert not [key for key in chinese if key not in english], "strings_zh.js has keys that strings.js has not"
    for key, words in english.items():
        assert placeholders(words) == placeholders(chinese[key]), f"{key}: its placeholders differ"
        if "[" in words or "{" in words:
            assert shape(words) == shape(chinese[key]), f"{key}: another shape than in English"
        if "".join(words).strip("\"'"):
            assert "".join(chinese[key]).strip("\"'"), f"{key} is empty"


def catalogue() -> dict[str, str]:
    return json.loads((UI / "locales" / "zh.json").read_text(encoding="utf-8"))["sentences"]


def test_every_error_and_sentence_is_said_in_chinese():
    spoken = said_templates()
    assert len(spoken) > 400
    wanted, there = error_templates() | spoken, catalogue()
    assert len(wanted) > 900
    missing = [f'  {json.dumps(words)}: "",  // {place}' for words, place in wanted.items() if words not in there]
    assert not missing, f"zh.json lacks {len(missing)} sentences:\n" + "\n".join(missing)
    stale = [words for words in there if words not in wanted]
    assert not stale, "zh.json translates what is said no more:\n" + "\n".join(stale)


def test_a_sentence_keeps_all_that_it_quotes():
    for template, chinese in catalogue().items():
        holes = template.count("{}")
        assert sorted(map(int, re.findall(r"\{(\d+)!?\}", chinese))) == list(range(1, holes + 1)), template
        # a few letters are known only within another sentence
        said = said_in("zh", f"Not restored: {template.replace('{}', '7777')}").removeprefix("未恢复：")
        assert said != template.replace("{}", "7777")
        assert said.count("7777") == holes, said


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Stars is 9: choose at least 1 to 5.", "星级是 9：请选至少 1，至多 5。"),
        ("There is no study “a: b”: check the link.", "没有评测“a: b”：请检查链接。"),
        (
            "Gold item 2: The outputs mix texts and pictures: choose one kind.",
            "标准题 2：输出混有文字和图片：请选一种。",
        ),
        ("The study has 1 arms: to rank takes 3 to 6.", "评测有 1 个方案：排序需要 3 到 6 个。"),
        ("Nobody ever said this.", "Nobody ever said this."),
        ("There is no study “Love and war”: check the link.", "没有评测“Love and war”：请检查链接。"),
        (
            "Undecided after 3 votes from 3 people (population: each person's first vote; level 1 %): win rate 1.00, "
            "between 0.14 and 1.00; about 260 more votes, each from somebody new, would settle a 60 % preference.",
            "尚无定论：来自 3 人的 3 票（人群：每人的第一票；显著性水平 1 %）：胜率 1.00，在 0.14 与 1.00 之间；"
            "约再有 260 票（每票来自一名新人）即可判定 60 % 的偏好。",
        ),
        (
            "Version 2 lost to version 1 on fresh votes: 64 % of 121 votes from 25 people (51–76 %), "
            "so version 1 stays.",
            "版本 2 在新票中输给版本 1：来自 25 人的 121 票中占 64 %（51–76 %），所以版本 1 保留。",
        ),
        (
            "Adds to the prompt: “Be brief, and kind.” (3 acts of feedback: made it shorter); and 2 more.",
            "加入提示词：“Be brief, and kind.”（3 条反馈：改短了）；还有 2 条。",
        ),
        ("Version 3 was turned down: dull and long", "版本 3 被否决：dull and long"),
        (
            "reflect: a proposal was refused: it lost the variable {topic}, which its parent has.",
            "反思：拒绝了一个提案：它丢了上一版本有的变量 {topic}。",
        ),
        ("Left out: 1,200 records with no rating.", "略去了 1,200 条没有评分的记录。"),
        (
            "Left out, being columns of no known meaning: “a”, “b” and 3 other columns.",
            "略去了含义未知的列：“a”, “b”及另外 3 列。",
        ),
        ("Left out, being no submitted responses: 2 draft, 1 discarded.", "略去了未提交的回答：2 次草稿、1 次已弃用。"),
        (
            "2 people were left out before this was exported, so their answers are missing. Reason: spam",
            "导出之前排除了 2 人，因此缺少这些回答。理由：spam",
        ),
        (
            "Prompt 2 leads: no other of the 3 arms can hold rank 1 at 95 %.",
            "提示词 2 领先：在 95 % 水平上，3 个方案中没有其他的可能排第 1。",
        ),
        ("There is no {} “$&{1}”: x", "There is no {} “$&{1}”: x"),
    ],
)
def test_sentences_with_their_values_are_found(english: str, chinese: str):
    assert said_in("zh", str(InvalidFeedback(english))) == chinese
    assert said_in("en", english) == english


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh"),
        ({"accept-language": "de-DE, zh-TW;q=0.5"}, "zh"),
        ({"accept-language": "en-GB,zh"}, "en"),
        ({"accept-language": "zh-CN", "cookie": "collab_language=en; other=1"}, "en"),
        ({"cookie": "collab_language=zh"}, "zh"),
        ({"cookie": "collab_language=../../etc"}, "en"),
    ],
)
def test_the_cookie_decides_then_the_browser(headers: dict[str, str], language: str):
    assert language_of(headers) == language


def test_the_words_of_a_page_are_one_script():
    assert "STRINGS_ZH" in words_script("zh")


def test_only_the_products_own_fields_of_an_answer_are_translated():
    typed = "Version 1 serves already."  # as people may write, too
    answer = {
        "error": typed, "text": typed, "title": typed, "reason": typed, "can": {"promote": {"v": typed}},
        "versions": [{"origin": "human", "rationale": typed}, {"origin": "refiner", "rationale": typed}],
        "left_out": {"an empty text": 2}, "models": [{"title": "x (set by the operator)"}],
        "provenance": [["Prompt", typed], ["Status", "done"]],
    }  # fmt: skip
    chinese = "版本 1 已在使用。"
    assert answer_in("en", answer) is answer
    assert answer_in("zh", answer) == {
        "error": chinese, "text": typed, "title": typed, "reason": typed, "can": {"promote": {"v": chinese}},
        "versions": [{"origin": "human", "rationale": typed}, {"origin": "refiner", "rationale": chinese}],
        "left_out": {"空文字": 2}, "models": [{"title": "x（由运营者设定）"}],
        "provenance": [["提示词", typed], ["状态", "已完成"]],
    }  # fmt: skip
    assert answer_in("zh", {"done": True, "reason": typed})["reason"] == chinese


def test_an_arm_that_its_owner_gave_no_name_is_named_in_the_readers_language():
    told = {"arms": [{"name": "Prompt 1", "prompt": "Prompt 1"}, {"name": "Prompt"}], "title": "Prompt 1",
            "leaderboard": {"rows": [{"name": "Arm 2"}]}, "matrix": {"names": ["Arm 2", "Made"]}}  # fmt: skip
    assert answer_in("zh", told) == {
        "arms": [{"name": "提示词 1", "prompt": "Prompt 1"}, {"name": "Prompt"}], "title": "Prompt 1",
        "leaderboard": {"rows": [{"name": "方案 2"}]}, "matrix": {"names": ["方案 2", "Made"]},
    }  # fmt: skip
    assert answer_in("zh", {"arms": {"A": "Arm 1", "B": "Ours"}}) == {"arms": {"A": "方案 1", "B": "Ours"}}


def test_one_word_says_text_in_chinese():
    for file in ("widgets/strings_zh.js", "locales/zh.json", "locales/page_zh.json"):
        assert "文本" not in (UI / file).read_text(encoding="utf-8"), f"{file}: 文字 elsewhere"


def test_no_words_of_a_person_keep_the_server_busy_with_their_sentence():
    for words in ("”“a”; (b): c, d or e. 1 · 2 × 3 " * 4, "1 st (a) “b”; c: " * 9):
        for length in (80, 120, 900):
            sentence = f"The model “{(words * 9)[:length]}” is not in this studio's list: choose one."
            reading = _Translation(_catalogue("zh"))
            with suppress(_TooMuch):
                reading.translate(sentence, 8)
            assert len(reading._known) <= WORK
            assert said_in("zh", sentence)
