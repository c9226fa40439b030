"""Starts the workers and asks them."""

import contextlib
import json
import os
import re
import selectors
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.columns import COLUMNS

ROOT = Path(__file__).parents[1]
LIMIT = 300.0  # seconds for an answer; the first is given when all is compiled
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


def environment(column: str, device: str, threads: int) -> dict[str, str]:
    """The variables of a column's processes: its backend, and threads alike for all."""
    env = os.environ | COLUMNS[column].env | {"DEEPBASICS_DEVICE": "", "PYTHONWARNINGS": "ignore"}
    if threads:
        env |= dict.fromkeys(_THREADS, str(threads))
    if device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
        env["JAX_PLATFORMS"] = "cpu"
    elif column.startswith("deepbasics"):
        env["DEEPBASICS_DEVICE"] = device
    return env


class Worker:
    """A process that runs one column on one network. `missing` says why there is nothing to ask."""

    def __init__(self, net: str, column: str, seconds: float, device: str, threads: int) -> None:
        self.column, self.missing = column, ""
        job = {
            "net": net, "column": column, "seconds": seconds, "device": device, "threads": threads
        }  # fmt: skip
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, cwd=ROOT, env=environment(column, device, threads),
        )  # fmt: skip

    def wait(self) -> None:
        """Let it build its network and warm up, until it has: others wait, which would slow it."""
        self._tell("now")
        self.missing = without_paths(self._answer().get("missing", ""))

    def ask(self, task: str, seconds: float) -> float | str:
        """The time of a unit of a task, or why there is none."""
        if self.missing:
            return self.missing
        self._tell([task, seconds])
        found = self._answer()
        return found.get("value", found.get("missing"))

    def _tell(self, what: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(LIMIT):
                self._process.kill()
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"missing": self._gone()}

    def _gone(self) -> str:
        self._errors.seek(0)
        self.missing = f"failed: {_last_line(self._errors.read())}"
        return self.missing

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def import_time(column: str, device: str, threads: int) -> float | str:
    """Milliseconds that a column's imports take in a new process, or why they fail."""
    code = COLUMNS[column].imports
    if not code:
        return "a floor imports nothing"
    code = f"from time import perf_counter as c; start = c(); {code}; print(c() - start)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True,
        cwd=ROOT, env=environment(column, device, threads),
    )  # fmt: skip
    return _last_line(done.stderr) if done.returncode else float(done.stdout.split()[-1]) * 1e3


def _last_line(text: str) -> str:
    return without_paths((text.strip().splitlines() or [""])[-1])


def without_paths(text: str) -> str:
    """A message without the places of files, which belong in no report."""
    return re.sub(r"\s\(?/\w\S*", "", text)
