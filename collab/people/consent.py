"""The notice on what is kept, and who agreed to which version of it. Knows no page.

Each agreement is a row; what was in force when somebody said something is their newest agreement before that moment
(`version_at`), so feedback itself carries nothing. A changed notice has another version, and is asked about anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from collab.errors import InvalidSetting, NotAllowed
from collab.identity import Visitor
from collab.settings import Settings
from collab.types import Annotator, Consent
from collab.workspace import Workspace

NOTICE_VERSION = "2026-11"  # whoever changes what NOTICE says gives it another
NOTICE: Mapping[Literal["en", "zh"], tuple[str, ...]] = {
    "en": (
        "What is kept: your prompts and what was generated from them, your ratings, votes, comments and corrections "
        "with their time, and the name you choose, if any. A cookie recognises your browser.",
        "Why: to improve the prompts and models of this studio, and to measure whether they got better.",
        "Where it goes: into this studio's own database. Whoever runs the studio can see it, and may export it and "
        "train models on it; exports carry a pseudonym instead of your name. Prompts go to a model's provider "
        "only when you choose a remote model.",
        "Your rights: under History → My data you export or delete everything at any time. Models that were trained "
        "before you delete are marked, but not undone.",
    ),
    "zh": (
        "保存什么：你的提示词和据此生成的内容，你的评分、投票、评语和修正及其时间，以及你自己选的名字（如有）。"
        "我们用 Cookie 识别你的浏览器。",
        "为什么：用来改进本工作室的提示词和模型，并衡量它们是否变好。",
        "去向：只进入本工作室自己的数据库。工作室的运营者可以看到，可能导出并用来训练模型；导出时用化名代替你的名字。"
        "只有在你选用远程模型时，提示词才会发给该模型的提供方。",
        "你的权利：在“历史 → 我的数据”中可随时导出或删除全部内容。删除之前训练好的模型会被标记，但无法撤回。",
    ),
}  # fmt: skip


def version_of(settings: Settings) -> str:
    """The version of the notice in force: the product's, or a hash of the operator's own."""
    own = settings.notice
    return f"own-{hashlib.sha256(own.encode()).hexdigest()[:16]}" if own else NOTICE_VERSION


def notice(settings: Settings, language: Literal["en", "zh"] = "en") -> dict[str, Any]:
    """`version`, `paragraphs`, and `url` where the operator gave the address of a notice of their own."""
    own = settings.notice
    is_address = urlsplit(own).scheme in ("http", "https") and len(own.split()) == 1
    if is_address:
        return {"version": version_of(settings), "paragraphs": [], "url": own}
    paragraphs = [line.strip() for line in own.splitlines() if line.strip()] if own else list(NOTICE[language])
    return {"version": version_of(settings), "paragraphs": paragraphs, "url": ""}


def agreed_to(ws: Workspace, visitor: Visitor) -> str:
    """The version that the visitor agreed to last, or ""."""
    found = ws.store.find(Annotator, id=visitor.annotator_id)
    return found[0].consent_version if found else ""


def check_consent(ws: Workspace, visitor: Visitor, connection: Any) -> None:
    """Raise NotAllowed where somebody who must agree to the notice first has not."""
    if not visitor.must_consent:
        return
    found = ws.store.find(Annotator, id=visitor.annotator_id, connection=connection)
    if not found or found[0].consent_version != version_of(ws.settings):
        raise NotAllowed(
            "Nothing of yours is kept before you agree: read the notice on what is kept, then agree to it."
        )


def check_version(settings: Settings, version: object) -> str:
    """The version as it was shown. Raises InvalidSetting where another one is in force by now."""
    wanted = version_of(settings)
    if version != wanted:
        raise InvalidSetting(f"The notice “{str(version)[:40]}” is not in force: read and agree to {wanted}.")
    return wanted


def version_at(ws: Workspace, annotator_id: str, moment: datetime) -> str:
    """The version that somebody had agreed to at a moment, or ""."""
    agreed = [c for c in ws.store.find(Consent, annotator_id=annotator_id) if c.created_at <= moment]
    return max(agreed, key=lambda c: c.id).version if agreed else ""
