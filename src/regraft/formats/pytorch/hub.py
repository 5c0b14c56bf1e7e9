"""The hubs that published weights come from: what they have, and what is said where they cannot be reached."""

from __future__ import annotations

import importlib
import os
import socket
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from regraft.errors import BadArgument, MissingFile

_LISTED = 1000  # names of a hub
_HUBS = {
    "timm": "https://huggingface.co",
    "hf": "https://huggingface.co",
    "torchvision": "https://download.pytorch.org",
}


def on_hub(word: str) -> list[str]:
    """The names of the models of transformers on its hub that have a word in them, the most fetched first.

    Raises:
        MissingFile: the hub cannot be reached.
    """
    hub, errors = (importlib.import_module(name) for name in ("huggingface_hub", "huggingface_hub.errors"))
    address = os.environ.get("HF_ENDPOINT", _HUBS["hf"])
    try:
        if not _reachable(address):
            raise OSError("it cannot be reached")
        api = hub.HfApi(endpoint=address)
        return [one.id for one in api.list_models(search=word, filter="transformers", sort="downloads", limit=_LISTED)]
    except (OSError, errors.HTTPError) as error:
        raise MissingFile(
            "the hub does not say which models it has",
            where=address,
            expected="a connection to it",
            got=str(error).split("\n")[0][:300],
            fix="give one by its name, hf:USER/NAME, or a folder you have, hf:FOLDER",
        ) from error


@contextmanager
def fetching(package: str, name: str) -> Generator[None]:
    """While weights are fetched: what goes wrong is said in one way, and nobody waits for a hub that is not there."""
    address = f"{package}:{name}"
    try:
        with warnings.catch_warnings(action="ignore"), offline_where_unreachable(package):
            yield
    except (OSError, RuntimeError, ValueError) as error:
        if "No pretrained weights" in str(error):
            raise BadArgument(
                f"{package} has no pretrained weights for {name}",
                where=address,
                fix="--weights FILE, or --weights random",
            ) from error
        raise MissingFile(
            "the pretrained weights cannot be fetched",
            where=address,
            expected=f"a connection to {_HUBS[package]}, or the files in the package's cache",
            got=f"{type(error).__name__}: {error}".split("\n")[0][:300],
            fix="give them: --weights FILE; or take fresh ones: --weights random",
        ) from error


@contextmanager
def offline_where_unreachable(package: str) -> Generator[None]:
    """Without a connection only the cache is looked into: hubs are else asked six times, for a minute."""
    if package == "torchvision" or _reachable(os.environ.get("HF_ENDPOINT", _HUBS[package])):
        yield
        return
    constants: Any = importlib.import_module("huggingface_hub.constants")
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _reachable(address: str) -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # a proxy is asked instead
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 443), timeout=5).close()
    except OSError:
        return False
    return True
