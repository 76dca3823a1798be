"""Puts a folder onto the Hugging Face Hub, as a private dataset or model unless told otherwise. Knows no format.

The token is read at the moment it is used, from what the person typed or from the machine's login, and kept nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from collab.errors import CollabError, InvalidImport, NotAllowed, Unavailable

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["dataset", "model"]
_SAYS = {"dataset": "Feedback exported by Collab", "model": "Adapter trained with Collab"}
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_TOKEN = re.compile(r"[\x21-\x7e]{1,400}")


def check_repo(name: object) -> str:
    """`user/name`, checked. Raises InvalidImport."""
    said = str(name or "").strip()
    if not _NAME.fullmatch(said) or "--" in said or ".." in said or said.endswith((".git", ".", "-")):
        raise InvalidImport(f"“{said[:80]}” is no name on the Hub: write it as user/name.")
    return said


def push(
    folder: Path, name: object, *, kind: Kind = "dataset", private: bool = True, token: str = "",
    endpoint: str | None = None, machine_login: bool = True,
) -> str:  # fmt: skip
    """Make the dataset, or model, and upload the folder into it; its address. Where that fails nothing is left there.

    token: "" takes the machine's login, if `machine_login` allows it. endpoint: another Hub than the public one.
    Raises InvalidImport for a name that is none or is taken, NotAllowed without a token that may write, Unavailable
    where the Hub cannot be reached.
    """
    from huggingface_hub import HfApi, get_token

    repo = check_repo(name)
    used = token.strip() or (get_token() if machine_login else None)
    if not used:
        raise NotAllowed("There is no Hugging Face token: enter one that may write, or log in with `hf auth login`.")
    if not _TOKEN.fullmatch(used):
        raise NotAllowed("That is no Hugging Face token: copy it anew from the settings of your account.")
    api = HfApi(endpoint=endpoint, token=used, library_name="collab")
    try:
        made = api.create_repo(repo, repo_type=kind, private=private, exist_ok=False)
    except Exception as error:
        raise _told(error, repo) from None
    try:
        api.upload_folder(repo_id=repo, repo_type=kind, folder_path=folder, commit_message=_SAYS[kind])
    except BaseException as error:
        _take_back(api, repo, kind)
        if isinstance(error, Exception):
            raise _told(error, repo) from None
        raise
    return str(made)


def _take_back(api: HfApi, repo: str, kind: Kind) -> None:
    """Delete what this very call made, since nothing or only half is in it."""
    import contextlib

    with contextlib.suppress(Exception):  # the Hub is gone, and that is what will be told
        api.delete_repo(repo, repo_type=kind, missing_ok=True)


def _told(error: Exception, repo: str) -> CollabError:
    """The Hub's refusal as one sentence, in which the token never stands."""
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status == 401:
        return NotAllowed("The Hub does not know that token (401): enter one that is valid.")
    if status in (402, 403):
        return NotAllowed(f"That token may not write to {repo} ({status}): use one with write access to it.")
    if status == 409:
        return InvalidImport(f"{repo} is there already: choose another name.")
    if status == 404:
        return InvalidImport(f"The Hub does not find {repo} (404): see that the user or organisation exists.")
    if status is not None:
        return Unavailable(f"The Hub refused it ({status}): nothing was left there, try again later.")
    return Unavailable("The Hub cannot be reached: see that this machine has a network, then try again.")
