"""The page as it goes out."""

from __future__ import annotations

import httpx

from collab.identity import VISITOR_COOKIE
from tests.server.served import (
    Studio,
)


def test_the_page_is_written_once_for_each_address_and_language_and_goes_out_compressed(studio: Studio):
    def page(query: str = "", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.get(f"{studio.served.url}{query}", headers=named, trust_env=False)

    first, other = page(), page("?study=abc")
    assert first.text == other.text and first.cookies[VISITOR_COOKIE] != other.cookies[VISITOR_COOKIE]
    plain = page(accept_encoding="identity")
    assert plain.text == first.text and "content-encoding" not in plain.headers
    for encoding in ("br", "gzip"):
        zipped = page(accept_encoding=encoding)
        assert zipped.headers["content-encoding"] == encoding and zipped.text == first.text
        assert int(zipped.headers["content-length"]) < len(first.content) / 3
    chinese = page(accept_language="zh")
    assert '<html\n\tlang="zh-CN"' in chinese.text and "collab/words/zh.js" in chinese.text
    assert page().text == first.text
    abroad = page(x_forwarded_host="studio.example", x_forwarded_proto="https")
    assert "https://studio.example" in abroad.text and "studio.example" not in page().text
    assert page("?deep_link=none").status_code == 200
    assert page(x_forwarded_host="x" * 2000).status_code == 200
