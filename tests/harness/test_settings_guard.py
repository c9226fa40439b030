"""The fixture that watches over global settings fails when a test leaves one changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import deepbasics

CONFTEST = Path(__file__).parents[1] / "conftest.py"
CARELESS = """
import os
import numpy as np
from deepbasics import config

def test_floatx():
    config.set_floatx("float64")

def test_environment():
    os.environ["DEEPBASICS_SEED"] = "3"

def test_errors():
    np.seterr(divide="ignore")

def test_that_nothing_was_passed_on():
    assert config.floatx() == "float32"
    assert "DEEPBASICS_SEED" not in os.environ
    assert np.geterr()["divide"] == "warn"
"""


def test_a_test_that_leaves_a_setting_changed_fails_and_spares_the_next(tmp_path):
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_careless.py").write_text(CARELESS)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEEPBASICS_")}
    environment["PYTHONPATH"] = str(Path(deepbasics.__file__).parents[1])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "4 passed, 3 errors" in run.stdout
    for changed in ("{'floatx': 'float64'}", "{'environment': {'DEEPBASICS_SEED': '3'}}"):
        assert f"settings changed: {changed}" in run.stdout
