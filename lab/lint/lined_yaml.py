"""YAML whose words know the line they stand on."""

from pathlib import Path
from typing import Any

import yaml


class Text(str):
    """A string of a YAML file. `line` counts from 1; that of a block is the line of its `|` or `>-`."""

    __slots__ = ("line",)
    line: int


class _Loader(yaml.SafeLoader):
    """Loads what SafeLoader does."""


def _text(loader: _Loader, node: yaml.ScalarNode) -> Text:
    text = Text(loader.construct_scalar(node))
    text.line = node.start_mark.line + 1
    return text


_Loader.add_constructor("tag:yaml.org,2002:str", _text)


def load(path: Path) -> Any:
    """Read a file, its strings as Text.

    Raises:
        yaml.YAMLError: it is no YAML.

    """
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
