"""How a picture was made, inside its PNG: a text chunk as A1111's web UI writes it, and ours as JSON.

Stored pictures are pixels only; these chunks are put in when a person downloads their own. What is read comes from
strangers: it is taken apart here, bounded, and checked by whoever uses it like anything typed. Knows bytes, no store.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collab.errors import InvalidPrompt

OUR_CHUNK, THEIR_CHUNK = "collab", "parameters"
TEXT_LIMIT = 200_000  # bytes of one chunk, unpacked: far above any prompt
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_AFTER_HEADER = 33  # the signature and IHDR, which is first and always as long (PNG, 3rd edition, section 11.2.1)
# ours: A1111's name for it
_SAMPLERS = {"ddim": "DDIM", "euler": "Euler", "euler-ancestral": "Euler a", "dpm++": "DPM++ 2M", "unipc": "UniPC",
             "lms": "LMS", "pndm": "PLMS"}  # fmt: skip
_OURS = {theirs.lower(): ours for ours, theirs in _SAMPLERS.items()}
_NUMBERS = {"steps": "num_inference_steps", "cfg scale": "guidance_scale", "denoising strength": "strength"}
_ITEM = re.compile(r'([\w ./-]{1,60}): ?("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LINE_LIMIT = 5_000  # characters of the last line that are looked through
_LAST_LINE = re.compile(r"\bSteps: \d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a picture says of how it was made, unchecked. prompt: as it was sent, so its braces are no variables, but
    for `variables`. model: names it may be known by. unknown: settings whose meaning is not known here."""

    prompt: str
    negative_prompt: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: Any = None
    model: tuple[str, ...] = ()
    variables: Mapping[str, Any] | None = None
    unknown: tuple[str, ...] = ()


def with_parameters(png: bytes, parameters: Parameters, details: Mapping[str, Any]) -> bytes:
    """The PNG with both chunks. details: what ours tells besides."""
    ours = {
        "version": 1, "prompt": parameters.prompt, "negative_prompt": parameters.negative_prompt,
        "variables": dict(parameters.variables or {}), "settings": dict(parameters.settings),
        "seed": parameters.seed, "model": list(parameters.model), **details,
    }  # fmt: skip
    text = details.get("sent") or parameters.prompt
    chunks = _chunk(THEIR_CHUNK, _a1111(parameters, str(text))) + _chunk(OUR_CHUNK, json.dumps(ours))
    return png[:_AFTER_HEADER] + chunks + png[_AFTER_HEADER:]


def read_parameters(png: bytes) -> Parameters:
    """What a PNG says of how it was made, ours before A1111's. Raises InvalidPrompt where it says nothing readable."""
    if not png.startswith(_SIGNATURE):
        raise InvalidPrompt("This picture says nothing of how it was made: only PNG files carry that.")
    found = dict(_texts(png))
    if OUR_CHUNK in found and (ours := _read_ours(found[OUR_CHUNK])):
        return ours
    if found.get(THEIR_CHUNK, "").strip():
        return _read_a1111(found[THEIR_CHUNK])
    raise InvalidPrompt("This picture says nothing of how it was made: drop one that was downloaded here.")


# ---- chunks ---------------------------------------------------------------------------------------------------------


def _chunk(name: str, text: str) -> bytes:
    """A text chunk: tEXt where Latin-1 is enough, as readers expect it, else iTXt."""
    try:
        kind, body = b"tEXt", name.encode() + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, body = b"iTXt", name.encode() + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _texts(png: bytes) -> Iterator[tuple[str, str]]:
    """The text chunks of the two names, of which the last counts. Raises InvalidPrompt for one that is enormous."""
    at = len(_SIGNATURE)
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        at += 12 + length
        name, _, rest = body.partition(b"\0")
        if kind == b"IEND":
            return
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or name not in (OUR_CHUNK.encode(), THEIR_CHUNK.encode()):
            continue
        if kind == b"tEXt":
            text = _bounded(rest).decode("latin-1")
        elif kind == b"zTXt":
            text = _unpacked(rest[1:]).decode("latin-1")
        else:
            packed, _, rest = rest[:1], None, rest[2:]
            rest = rest.partition(b"\0")[2].partition(b"\0")[2]  # language and translated name
            text = (_unpacked(rest) if packed == b"\x01" else _bounded(rest)).decode("utf-8", "replace")
        yield name.decode(), text


def _bounded(data: bytes) -> bytes:
    if len(data) > TEXT_LIMIT:
        raise InvalidPrompt(f"What the picture says of itself has more than {TEXT_LIMIT:,} bytes: that is no prompt.")
    return data


def _unpacked(data: bytes) -> bytes:
    try:
        return _bounded(zlib.decompressobj().decompress(data, TEXT_LIMIT + 1))
    except zlib.error:
        return b""


# ---- ours -----------------------------------------------------------------------------------------------------------


def _read_ours(text: str) -> Parameters | None:
    """Our JSON, or None where it is not of its form. What its values are is for others to check."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("prompt"), str):
        return None
    negative: Any = said.get("negative_prompt")
    settings: Any = said.get("settings")
    variables: Any = said.get("variables")
    model = said.get("model") or []
    return Parameters(
        prompt=said["prompt"],
        negative_prompt=negative if isinstance(negative, str) else "",
        settings=settings if isinstance(settings, dict) else {},
        seed=said.get("seed"),
        model=tuple(str(name) for name in model[:4]) if isinstance(model, list) else (),
        variables=variables if isinstance(variables, dict) else {},
        unknown=tuple(str(word) for word in said["beside"][:4]) if isinstance(said.get("beside"), list) else (),
    )


# ---- A1111's --------------------------------------------------------------------------------------------------------


def _a1111(parameters: Parameters, prompt: str) -> str:
    s = parameters.settings
    items = [f"{name}: {value}" for name, value in (
        ("Steps", s.get("num_inference_steps")), ("Sampler", _SAMPLERS.get(str(s.get("scheduler")))),
        ("CFG scale", f"{s['guidance_scale']:g}" if "guidance_scale" in s else None), ("Seed", parameters.seed),
        ("Size", f"{s['width']}x{s['height']}" if "width" in s and "height" in s else None),
        ("Model", f'"{parameters.model[0]}"' if parameters.model else None),
    ) if value is not None]  # fmt: skip
    negative = f"\nNegative prompt: {parameters.negative_prompt}" if parameters.negative_prompt else ""
    return f"{prompt}{negative}\n{', '.join(items)}"


def _read_a1111(text: str) -> Parameters:
    """The text of A1111's web UI: the prompt, “Negative prompt: …”, and a last line of “Name: value” pairs."""
    lines = text.strip().split("\n")
    items: dict[str, str] = {}
    if _LAST_LINE.search(lines[-1]):
        for name, value in _ITEM.findall(lines.pop()[:_LINE_LIMIT]):
            value = value.strip()
            items[name.strip().lower()] = value[1:-1] if value.startswith('"') and len(value) > 1 else value
    whole = "\n".join(lines)
    prompt, _, negative = whole.partition("Negative prompt:")
    numbers = {ours: items.pop(theirs) for theirs, ours in _NUMBERS.items() if theirs in items}
    settings: dict[str, Any] = {ours: _number(value) for ours, value in numbers.items()}
    width, x, height = items.pop("size", "").partition("x")
    if x:
        settings |= {"width": _number(width), "height": _number(height)}
    unknown = []
    if sampler := items.pop("sampler", ""):
        if sampler.lower() in _OURS:
            settings["scheduler"] = _OURS[sampler.lower()]
        else:
            unknown.append(f"Sampler {sampler}")
    seed = _number(items.pop("seed", ""))
    model = tuple(name for name in (items.pop("model", ""),) if name)
    for told in ("model hash", "version", "schedule type", "vae", "vae hash"):  # of no use here, and no loss
        items.pop(told, None)
    return Parameters(
        prompt=prompt.strip(), negative_prompt=negative.strip(), settings=settings,
        seed=None if seed == "" else seed, model=model,
        unknown=(*unknown, *(name.capitalize() for name in list(items)[:6])),
    )  # fmt: skip


def _number(text: str) -> int | float | str:
    """A number, or the text where it is none: whoever checks it will say so."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text
