"""`fit` in a real terminal, a notebook and a file: in the end they show the same lines."""

import os
import re
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="pseudo-terminals are for Unix")
FIT = """
import numpy as np
import deepbasics as db

db.utils.set_random_seed(0)
model = db.Sequential([db.layers.Dense(1, input_shape=(3,))])
model.compile("sgd", "mse", metrics=["mae"])
x = np.arange(300.0).reshape(100, 3) / 300
options = {"epochs": 2, "validation_split": 0.2, "verbose": VERBOSE}
model.fit(x, x.sum(axis=1), batch_size=8, **options)
model.evaluate(x, x.sum(axis=1), verbose=VERBOSE)
model.predict(x, verbose=VERBOSE)
"""
NOTEBOOK = "import sys, types; sys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"


def in_a_file(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return done.stdout.decode("utf8")


def in_a_terminal(code, columns=120):
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns)}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=environment) as process:
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 4096):
                chunks.append(chunk)
        except OSError:  # the end, on Linux
            pass
    os.close(ours)
    assert process.returncode == 0
    return b"".join(chunks).decode("utf8").replace("\r\n", "\n")


def screen(text):
    """The lines that are seen in the end: what follows a return stands over what was there."""
    lines = []
    for line in re.sub(r"\x1b\[\d+m", "", text).split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return lines


def without_times(lines):
    return [re.sub(r"\b\d+s (- )?\d+[mu]?s/step", "TIME", line) for line in lines]


@pytest.mark.parametrize("verbose", ["'auto'", "1", "2", "0"])
def test_a_terminal_and_a_notebook_end_with_the_lines_of_a_file(verbose):
    code = FIT.replace("VERBOSE", verbose)
    plain = without_times(in_a_file(code).split("\n"))
    assert without_times(screen(in_a_terminal(code))) == plain
    assert without_times(screen(in_a_file(NOTEBOOK + code))) == plain
    if verbose == "0":
        assert plain == [""]
    else:
        assert plain[0] == "Epoch 1/2"
        assert plain[1].startswith("10/10 ")
        assert "TIME - loss: " in plain[1]
        assert len(plain) == 7


def test_a_terminal_gets_colours_and_redraws_and_a_notebook_redraws_alone():
    code = FIT.replace("VERBOSE", "1")
    terminal, notebook, file = in_a_terminal(code), in_a_file(NOTEBOOK + code), in_a_file(code)
    assert "\x1b[32m━" in terminal
    assert terminal.count("\r") > 4
    assert notebook.count("\r") > 4
    assert not re.search("[\x1b]", notebook + file)
    assert "\r" not in file
