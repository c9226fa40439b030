"""The command line: what it prints, what it leaves, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepbasics import __version__, cli, config, errors
from deepbasics.backends import registry
from deepbasics.layers import Dense
from deepbasics.models import Sequential

HAS_TORCH = "torch" in registry.available()
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")


def run(*words, **options):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "deepbasics", *words]
    return subprocess.run(command, capture_output=True, text=True, **options)


def usage_error(capsys, *words):
    """The last line of what a command that cannot be understood says."""
    with pytest.raises(SystemExit) as caught:
        cli.main(list(words))
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err.splitlines()[-1]


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"deepbasics {__version__}\n"


def test_list_shows_each_recipe_with_its_headline(capsys):
    assert cli.main(["run", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == cli.recipe_names()
    assert lines[-1].split(maxsplit=1)[1].startswith("Exclusive or")
    starts = {line.index(line.split(maxsplit=1)[1]) for line in lines}
    assert len(starts) == 1, "the headlines stand below each other"


def test_an_installed_package_finds_the_recipes_within_itself(tmp_path, monkeypatch):
    (tmp_path / "_recipes").mkdir()
    (tmp_path / "_recipes" / "hello.py").write_text('"""Says hello.\n"""\n')
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "cli.py"))
    assert cli.recipe_names() == ["hello"]
    assert cli._headline("hello") == "Says hello."


def test_the_wheel_takes_the_recipes_to_where_they_are_looked_for():
    project = Path(cli.__file__).parents[1] / "pyproject.toml"
    if not project.is_file():
        pytest.skip("needs the source tree")
    wheel = tomllib.loads(project.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["sources"]["recipes"] == "deepbasics/_recipes"
    assert "recipes" in wheel["only-include"]


@pytest.mark.usefixtures("_quiet_recipe")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: COMMAND"),
        (["rnu"], "Unknown command 'rnu'. Did you mean 'run'? Known: backends, parity, run."),
        (["run"], "a NAME is needed; deepbasics run --list shows them"),
        (["run", "mnits"], "Unknown recipe 'mnits'. Did you mean 'mnist'?"),
        (["run", "xor", "--backend", "torhc"], "Unknown backend 'torhc'. Did you mean 'torch'?"),
        (["run", "xor", "--epochs", "0"], "a whole number from 1 on is needed, not '0'"),
        (["run", "xor", "--epochs", "two"], "a whole number from 1 on is needed, not 'two'"),
        (["run", "xor", "--floatx", "float8"], "invalid choice: 'float8'"),
        (["run", "gender", "--arch", "2,2,1"], "unrecognized arguments: --arch 2,2,1"),
        (["parity"], "required: RECIPE"),
        (["parity", "pmia"], "Unknown recipe 'pmia'. Did you mean 'pima'?"),
        (["parity", "xor", "--backends", "numpy"], "two names and a comma are needed"),
        (["parity", "xor", "--backends", "numpy,troch"], "Did you mean 'torch'?"),
    ],
)
def test_a_command_line_that_cannot_be_understood_ends_with_2_and_says_why(capsys, words, message):
    assert message in usage_error(capsys, *words)


@pytest.fixture
def _quiet_recipe(monkeypatch):
    """A usage error must come before any training: fail where a recipe's main is called."""

    def main(epochs=1, seed=0, verbose=0, callbacks=None, save_plots=None):
        pytest.fail("a recipe was run")

    real = cli.load_recipe
    monkeypatch.setattr(
        cli, "load_recipe", lambda name: SimpleNamespace(main=main) if name != "xor" else real(name)
    )


def test_run_trains_with_the_options_given_and_says_where(capsys):
    words = ["run", "xor", "--backend", "numpy", "--epochs", "3", "--seed", "7"]
    assert cli.main([*words, "--floatx", "float64", "--verbose", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("Epoch")][-1] == "Epoch 3/3"
    assert re.fullmatch(r"xor on numpy, cpu, float64, seed 7: \d+\.\d s", lines[-1])
    assert config.floatx() == "float32", "the setting was for the command alone"


def test_a_recipe_s_own_option_reaches_it(capsys):
    recipe = cli.load_recipe("xor")
    assert [layer.units for layer in recipe.build("2,4,3,1").layers] == [4, 3, 1]
    assert cli.main(["run", "xor", "--epochs", "1", "--arch", "3,2,1"]) == 1
    assert "takes inputs of shape (None, 3)" in capsys.readouterr().err


def test_help_of_a_recipe_shows_its_own_option(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "xor", "--help"])
    assert re.search(r"--arch ARCH +default 2,2,1", capsys.readouterr().out)


@needs_torch
def test_run_gives_the_same_numbers_on_either_backend(capsys):
    printed = []
    for backend in ("numpy", "torch"):
        assert cli.main(["run", "gender", "--backend", backend, "--verbose", "0"]) == 0
        *lines, last = capsys.readouterr().out.splitlines()
        assert f"gender on {backend}, cpu" in last
        printed.append(lines)
    assert printed[0] == printed[1]


def test_repeat_runs_with_several_seeds_and_shows_median_range_and_count(capsys, monkeypatch):
    def main(epochs=1, seed=0, callbacks=None):
        return {"accuracy": seed / 10, "learned": seed > 3, "outputs": [seed]}

    monkeypatch.setattr(cli, "load_recipe", lambda name: SimpleNamespace(main=main))
    assert cli.main(["run", "xor", "--repeat", "3", "--seed", "2"]) == 0
    output = capsys.readouterr().out
    assert "accuracy: median 0.3000, 0.2000 to 0.4000 over 3 seeds" in output
    assert "learned: 1 of 3" in output
    assert "outputs:" not in output


def test_save_plots_writes_pictures(tmp_path):
    pytest.importorskip("matplotlib")
    assert cli.main(["run", "xor", "--epochs", "1", "--save-plots", str(tmp_path / "new")]) == 0
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "xor-curves.png",
        "xor-regions.png",
    ]


@pytest.mark.usefixtures("_quiet_recipe")
def test_a_folder_that_cannot_be_made_fails_before_the_training(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    (tmp_path / "file").touch()
    assert cli.main(["run", "gender", "--save-plots", str(tmp_path / "file")]) == 1
    assert "File exists" in capsys.readouterr().err


@pytest.mark.usefixtures("_quiet_recipe")
def test_a_folder_that_cannot_be_written_to_fails_before_the_training(
    tmp_path, capsys, monkeypatch
):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    assert cli.main(["run", "gender", "--save-plots", str(tmp_path)]) == 1
    assert "nothing can be written to" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_a_closed_output_is_no_failure():
    command = f'"{sys.executable}" -m deepbasics run --list >&-'
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("sizes", ["2,x,1", "", "2;1"])
def test_sizes_that_are_no_numbers_are_shown_with_an_example(sizes, capsys):
    assert cli.main(["run", "xor", "--arch", sizes]) == 1
    assert "--arch takes whole numbers and commas, such as 2,4,3,1" in capsys.readouterr().err


def test_a_failure_is_one_line_and_1_and_a_traceback_only_with_debug(capsys):
    words = ["run", "xor", "--backend", "numpy", "--device", "cuda"]
    assert cli.main(words) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r'deepbasics: Backend "numpy" runs on "cpu" alone, .*\n', output.err)
    with pytest.raises(errors.BackendUnavailable):
        cli.main([*words, "--debug"])


def test_a_library_that_a_recipe_needs_is_named_with_its_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert cli.main(["run", "churn"]) == 1
    expected = "The recipe 'churn' needs pandas, .* \"deepbasics\\[recipes\\]\""
    assert re.search(expected, capsys.readouterr().err)


def test_data_that_are_nowhere_give_the_loader_s_message(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path / "absent"))
    assert cli.main(["run", "pima"]) == 1
    assert "DEEPBASICS_DATA is" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run", "xor", "--epochs", "1"], ["backends"]], ids=" ".join)
@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FLOATX", "float23", "Did you mean 'float32'?"),
        ("BACKEND", "nunpy", "Did you mean 'numpy'?"),
        pytest.param("DEVICE", "gpu", "Unknown device 'gpu'. Usable here:", marks=needs_torch),
    ],
)
def test_a_variable_of_the_environment_that_makes_no_sense_is_one_line(
    words, variable, value, message
):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DEEPBASICS_")}
    done = run(*words, env={**kept, f"DEEPBASICS_{variable}": value})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("deepbasics: ")
    assert message in line


def test_an_error_without_a_message_is_named(monkeypatch, capsys):
    def main(seed=0, callbacks=None):
        raise KeyError

    monkeypatch.setattr(cli, "load_recipe", lambda name: SimpleNamespace(main=main))
    assert cli.main(["run", "xor"]) == 1
    assert capsys.readouterr().err == "deepbasics: KeyError: \n"


def test_after_ctrl_c_what_was_learned_is_said_and_the_code_is_130(monkeypatch, capsys):
    def main(epochs=9, seed=0, callbacks=None):
        if seed:
            callbacks[0].set_params({"epochs": epochs})
            callbacks[0].on_train_begin()
            callbacks[0].on_epoch_end(0, {"loss": 0.5})
            raise KeyboardInterrupt
        return {"accuracy": 0.75}

    monkeypatch.setattr(cli, "load_recipe", lambda name: SimpleNamespace(main=main))
    assert cli.main(["run", "xor", "--repeat", "2"]) == 130
    output = capsys.readouterr()
    assert output.err == (
        "\ndeepbasics: interrupted. xor on numpy, cpu, float32: "
        "1 of 9 epochs done, the last with loss 0.5000.\n"
    )
    assert "accuracy: median 0.7500" in output.out, "the runs before are not lost"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_real_ctrl_c_in_the_middle_of_training_ends_it_cleanly():
    command = [sys.executable, "-um", "deepbasics", "run", "xor", "--epochs=1000000", "--verbose=2"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        guard = threading.Timer(120, process.kill)
        guard.start()
        while "Epoch 3/" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
        guard.cancel()
    assert process.returncode == 130
    assert re.search(r"interrupted\. xor on .*: \d+ of 1000000 epochs done, .* loss 0\.\d+", said)
    assert "Traceback" not in said


def test_a_reader_that_goes_away_ends_it_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "deepbasics", "run", "--list"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 141
    assert done.stderr == ""


def test_backends_lists_versions_and_devices_and_the_one_in_use(capsys):
    assert cli.main(["backends"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"^numpy +\d\S+ +cpu$", output, re.MULTILINE)
    assert re.search(r"^torch +\S", output, re.MULTILINE)
    assert f"In use unless told otherwise: {registry.active().name} on" in output


def test_backends_says_how_to_install_what_is_missing(monkeypatch, capsys):
    def missing(name):
        raise errors.BackendUnavailable(f'pip install "deepbasics[{name}]"')

    monkeypatch.setattr(registry, "backend_class", missing)
    assert cli.main(["backends"]) == 0
    assert re.search(
        r'^torch +- +pip install "deepbasics\[torch\]"$', capsys.readouterr().out, re.MULTILINE
    )


@needs_torch
def test_the_environment_chooses_the_backend():
    done = run("run", "xor", "--epochs", "1", env=os.environ | {"DEEPBASICS_BACKEND": "torch"})
    assert done.returncode == 0, done.stderr
    assert "xor on torch, cpu" in done.stdout


def test_parity_prints_the_table_and_ends_with_0(capsys):
    assert cli.main(["parity", "xor", "--backends", "numpy,numpy", "--steps", "5"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("xor: numpy and numpy, float64, seed 0, 5 steps")
    assert "All within." in output


def test_parity_ends_with_1_where_backends_part(monkeypatch, capsys):
    rates = iter([0.1, 0.1, 0.1001])  # leader, twin, and the shadow that is built last

    def build():
        model = Sequential([Dense(1, input_shape=(2,))])
        model.compile("sgd", "mse")
        model.optimizer.learning_rate = next(rates)
        return model

    xor = cli.load_recipe("xor")
    recipe = SimpleNamespace(build=build, data=xor.data, BATCH_SIZE=2)
    monkeypatch.setattr(cli, "load_recipe", lambda name: recipe)
    assert cli.main(["parity", "xor", "--backends", "numpy,numpy", "--steps", "2"]) == 0, (
        "the shadow takes over the learning rate with the rest of the state"
    )
    scales = iter([0.1, 0.1, 0.1001])
    recipe.build = lambda: _compiled_with(clipvalue=next(scales))
    assert cli.main(["parity", "xor", "--backends", "numpy,numpy", "--steps", "2"]) == 1
    assert "First past its tolerance: step 1, weights" in capsys.readouterr().out


def _compiled_with(**options):
    from deepbasics.optimizers import SGD

    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile(SGD(0.1, **options), "mse")
    return model
