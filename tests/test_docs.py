"""README.md and docs/: the code runs and prints what stands below it, commands and links exist."""

import io
import os
import re
import runpy
import shlex
import tomllib
import warnings
from contextlib import redirect_stdout
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from deepbasics import cli, config, layers, naming
from deepbasics.backends import registry
from deepbasics.dtype_policies import set_dtype_policy
from deepbasics.errors import MissingExtra

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_LAYERS = {"Input", "deserialize", "serialize"}
SAVES = re.compile(r"\.save\(|\.load_weights\(|load_model\(|save_model\(|save_weights\(")
OF_FILES = re.compile(r"datasets\.(mnist|pima|churn)|datasets import .*(mnist|pima|churn)")


class Block(NamedTuple):
    """A block of Python, and what the block of text below it says that it prints."""

    line: int
    code: str
    output: str


def fenced(path):
    """(line, language, content) of each fenced block."""
    text = path.read_text(encoding="utf8")
    for match in FENCED.finditer(text):
        yield text.count("\n", 0, match.start()) + 2, match[1], match[2]


def blocks(path):
    found = []
    for line, language, content in fenced(path):
        if language == "python":
            found.append(Block(line, content, ""))
        elif language == "text" and found:
            found[-1] = found[-1]._replace(output=content)
    return found


def missing(code):
    """What a block needs that is not here, or an empty string."""
    if OF_FILES.search(code) and not os.environ.get("DEEPBASICS_DATA"):
        return "DEEPBASICS_DATA is not set, and the block reads a data set"
    if "torch" in code and "torch" not in registry.available():
        return "the block uses the torch backend"
    if SAVES.search(code) and not find_spec("h5py"):
        return "the block needs h5py, of the extra saving"
    return ""


@cache
def printed(path, backend):
    """What each block prints, or the exception it ends in; the blocks share one namespace."""
    naming.clear_session()  # a document names its layers from 1 on
    names, found = {}, []
    for block in blocks(path):
        out = io.StringIO()
        with warnings.catch_warnings(), redirect_stdout(out):
            warnings.simplefilter("ignore", DeprecationWarning)  # old spellings are shown too
            try:
                if not missing(block.code):
                    exec(compile("\n" * (block.line - 1) + block.code, str(path), "exec"), names)
                found.append(out.getvalue())
            except Exception as error:
                found.append(error)
    set_dtype_policy(None)  # a document may set what it explains
    config.set_tf32(False)
    return found


CODE = [
    pytest.param(path, i, id=f"{path.name}:{block.line}")
    for path in DOCUMENTS
    for i, block in enumerate(blocks(path))
]


@pytest.mark.parametrize(("path", "index"), CODE)
def test_code_prints_what_stands_below_it_on_each_backend(backend, path, index):
    block = blocks(path)[index]
    if reason := missing(block.code):
        pytest.skip(reason)
    found = printed(path, backend.name)[index]
    if isinstance(found, Exception):
        raise found
    assert found == block.output


PROMPT = {"console": "$ ", "": ""}  # in a block without a language every line is a command
COMMANDS = [
    pytest.param(words, id=f"{path.name}:{' '.join(words)}")
    for path in DOCUMENTS
    for _, language, content in fenced(path)
    if language in PROMPT
    for line in content.splitlines()
    if line.startswith(PROMPT[language])
    and (words := shlex.split(line.removeprefix("$ "), comments=True))
    and re.search(r"^(DEEPBASICS_\w+=\S+ )*(deepbasics|python) [a-z./-]", line.removeprefix("$ "))
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_one_that_there_is(words):
    while "=" in words[0]:
        name, words = words[0].partition("=")[0], words[1:]
        assert name in ("DEEPBASICS_BACKEND", "DEEPBASICS_DEVICE", "DEEPBASICS_FLOATX")
    if words[0] == "deepbasics":
        try:
            cli._parse([w for w in words[1:] if w != "RECIPE"] + ["xor"] * ("RECIPE" in words))
        except MissingExtra as missing:
            pytest.skip(str(missing))
    else:
        assert words[0] == "python"
        assert (ROOT / words[1]).is_file() or words[1].startswith("-")


LINKS = [
    pytest.param(path.parent / target, id=f"{path.name}:{target}")
    for path in DOCUMENTS
    for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text(encoding="utf8"))
    if "://" not in target
]


@pytest.mark.parametrize("target", LINKS)
def test_a_link_leads_to_a_file(target):
    assert target.is_file()


def test_the_architecture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf8")
    package = ROOT / "deepbasics"
    rooms = {p.stem for p in package.glob("*.py")} | {p.parent.name for p in package.glob("*/*.py")}
    rooms -= {"__init__", "__main__", "_recipes"}
    absent = {room for room in rooms if f"`{room}" not in text and f"**{room}**" not in text}
    assert not absent, "give them a place in the table of section 2"


def test_the_table_of_the_layers_is_that_of_their_docstrings():
    made = runpy.run_path(str(ROOT / "docs" / "make_layers.py"))["tables"]()
    assert made == (ROOT / "docs" / "layers.md").read_text(encoding="utf8"), (
        "python docs/make_layers.py writes it anew"
    )
    absent = {n for n in layers.__all__ if f"`{n}`" not in made} - NOT_LAYERS
    assert not absent, "give their modules a family in docs/make_layers.py"


def test_the_readme_names_the_extras_that_there_are():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
    section = (ROOT / "README.md").read_text(encoding="utf8").partition("## A model")[0]
    named = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(named) == sorted(project["optional-dependencies"])
