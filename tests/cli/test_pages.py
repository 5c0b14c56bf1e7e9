"""What README and docs say of the command line is what it takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from regraft.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GROUPS = {name: command for name, command in get_command(app).commands.items() if isinstance(command, TyperGroup)}
COMMANDS = {name: command for name, command in get_command(app).commands.items() if name not in GROUPS} | {
    f"{group} {name}": command for group in GROUPS for name, command in GROUPS[group].commands.items()
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_flags_on_a_page_exist(page: Path) -> None:
    for line in calls(page.read_text(encoding="utf-8")):
        name, *words = shlex.split(line)[1:]
        if name in GROUPS:
            name, words = f"{name} {words[0]}", words[1:]
        assert name in COMMANDS, line
        known = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_command_and_flag_of_the_json_table_exists() -> None:
    table = (ROOT / "docs/cli.md").read_text(encoding="utf-8").split("| command | keys")[1].split("\n\n")[0]
    firsts = (line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    named = {name for first in firsts for name in re.findall(r"`([\w ]+)`", first)}
    assert named == set(COMMANDS)


def calls(text: str) -> list[str]:
    """The lines of code blocks that call regraft, continued lines joined."""
    blocks = re.findall(r"^```\w*\n(.*?)^```|((?:^    [^\n]*\n)+)", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(fenced or indented for fenced, indented in blocks).replace("\\\n", " ").splitlines()
    return [line.strip().removeprefix("$ ") for line in lines if re.match(r"\s*(\$ )?regraft [a-z]", line)]
