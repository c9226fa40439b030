"""The machinery of the benchmark: what is asked, how it is summed up. Nothing here is timed."""

import json
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import measure, picture, pool, table, work, worker
from benchmarks.columns import COLUMNS
from benchmarks.rows import NETS, ROWS


def asked(*given):
    return command.plan(command.arguments(list(given)))


def result(**rows):
    cells = table.summarise(rows)
    return {"machine": {"cores": 4}, "settings": {"rounds": 3}, "rows": cells}


def test_every_row_and_column_is_asked_unless_told_otherwise():
    plan = asked()
    assert plan.rows == list(ROWS)
    assert plan.columns == list(COLUMNS)
    assert asked("--rows", "mnist,pima").rows == ["pima", "mnist"]


def test_a_gpu_runs_only_the_columns_that_can():
    plan = asked("--device", "cuda")
    assert "torch" in plan.columns
    assert not {"by-hand", "deepbasics-numpy", "keras-jax"} & set(plan.columns)


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(SystemExit, match=r"Unknown: pimas. There are: xor, "):
        asked("--rows", "pimas")


def test_each_round_begins_with_another_column():
    plan = asked("--repeats", "3")
    turns = list(measure._turns(plan, "abcdef"))
    assert [turn[0] for turn in turns] == ["a", "c", "e"]
    assert all(sorted(turn) == list("abcdef") for turn in turns)


def test_cells_are_medians_quartiles_or_reasons():
    cells = table.summarise({"pima": {"torch": [4.0, 1.0, 2.0], "sklearn": "not here"}})["pima"]
    assert cells["torch"] == {"median": 2.0, "low": 1.0, "high": 4.0, "samples": [4.0, 1.0, 2.0]}
    assert cells["sklearn"] == {"missing": "not here"}
    assert table.ratio(cells, "torch", "torch") == 1
    assert table.ratio(cells, "sklearn", "torch") is None


def test_the_report_has_medians_ratios_and_reasons():
    text = table.markdown(
        result(pima={"by-hand": [20.0], "torch": [200.0], "sklearn": "No module named 'sklearn'"})
    )
    rows = [line for line in text.splitlines() if line.startswith("| **pima**")]
    assert [row.split("|")[2:-1] for row in rows] == [
        [" 20 ", " 200 ", "  "],
        [" 1 ", " 10 ", "  "],
        [" 0.1 ", " 1 ", "  "],
    ]
    assert "- scikit-learn: No module named 'sklearn' (pima)" in text


def test_the_report_is_written_as_text_json_and_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="draws the picture")
    found = result(pima={"by-hand": [20.0, 21.0], "torch": [200.0, 220.0]}, xor={"torch": "none"})
    command.write(found, table.markdown(found), tmp_path, "cpu")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cpu.json", "cpu.md", "cpu.png"]
    assert json.loads((tmp_path / "cpu.json").read_text()) == found
    assert picture._bars(found["rows"]["xor"]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot import a from b (/home/me/b.py)", "cannot import a from b"),
        ("No module named 'jax'", "No module named 'jax'"),
        ("1 / 2 of a/b", "1 / 2 of a/b"),
    ],
)
def test_reasons_name_no_places_of_files(text, expected):
    assert pool.without_paths(text) == expected


def test_a_worker_answers_with_times_or_reasons():
    small = work.make(NETS["pima"]._replace(rows=20))
    from benchmarks.columns import by_hand

    clock = worker.Clock(worker.Tasks(by_hand.build(small), small))
    for task in ("train", "predict", "evaluate"):
        assert clock(task, 1e-4) > 0
    with pytest.raises(work.Missing, match="no frobnicate"):
        clock("frobnicate", 1e-4)


def test_a_process_answers_and_one_that_fails_says_why():
    columns = ["by-hand", "products"]
    plan = measure.Plan(["xor", "memory"], columns, 2, 1e-3, "cpu", 1)
    found = measure.run(plan)
    assert {column: len(found["xor"][column]) for column in columns} == dict.fromkeys(columns, 2)
    assert found["memory"]["by-hand"][0] > 10
    dead = pool.Worker("no such network", "by-hand", 1e-3, "cpu", 1)
    dead.wait()
    assert dead.ask("train", 1e-3) == dead.missing == "KeyError: 'no such network'"
    dead.close()


def test_a_worker_without_its_library_says_so(monkeypatch):
    for name in ("sklearn.exceptions", "sklearn.neural_network"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "benchmarks.columns.scikit", raising=False)
    job = {"column": "sklearn", "net": "pima", "device": "cpu", "threads": 1, "seconds": 1e-3}
    with pytest.raises(ImportError):
        worker.answers(job)
