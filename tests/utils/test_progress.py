import io

import pytest

from deepbasics.utils import progress
from deepbasics.utils.progress import Progbar


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "perf_counter", clock)
    return clock


def run(bar, clock, steps, seconds=1.0):
    for step in range(1, steps + 1):
        clock.now += seconds
        bar.update(step, [("loss", 1 / step)])
    return bar.stream.getvalue()


def test_a_file_gets_one_plain_line_when_the_loop_has_ended(clock):
    text = run(Progbar(4, stream=io.StringIO()), clock, 4)
    assert text == "4/4 ━━━━━━━━━━━━━━━━━━━━ 4s 1s/step - loss: 0.2500\n"


def test_a_terminal_gets_a_line_redrawn_in_colour(clock, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = run(Progbar(4, width=4, stream=Terminal()), clock, 4)
    assert text.count("\r") == 4
    assert text.count("\n") == 1
    assert "\r\x1b[1m1/4\x1b[0m \x1b[32m━\x1b[0m\x1b[37m━━━\x1b[0m \x1b[1m3s\x1b[0m 1s/step" in text


def test_no_color_is_respected(clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(Progbar(4, stream=Terminal()), clock, 4)


def test_a_notebook_gets_redraws_without_colour(clock, monkeypatch):
    monkeypatch.setattr(progress, "_is_notebook", lambda: True)
    text = run(Progbar(4, stream=io.StringIO()), clock, 4)
    assert text.count("\r") == 4
    assert "\x1b" not in text


def test_redraws_wait_for_the_interval(clock):
    bar = Progbar(100, interval=1.0, stream=Terminal())
    text = run(bar, clock, 100, seconds=0.25)
    # The first step, every fourth after it, and the last one.
    assert text.count("\r") == 1 + 24 + 1


def test_due_says_when_an_update_would_draw(clock):
    bar = Progbar(10, interval=1.0, stream=Terminal())
    assert bar.due()
    bar.update(1)
    assert not bar.due()
    clock.now += 1.0
    assert bar.due()


def test_a_bar_in_a_file_is_due_for_the_first_step_alone(clock):
    bar = Progbar(10, stream=io.StringIO())
    assert bar.due()
    bar.update(1)
    clock.now += 1000
    assert not bar.due()


def test_a_silent_bar_is_never_due_and_prints_nothing(clock):
    bar = Progbar(2, verbose=0, stream=Terminal())
    assert not bar.due()
    assert run(bar, clock, 2) == ""


def test_a_shorter_line_leaves_nothing_of_the_longer_one(clock):
    bar = Progbar(None, stream=Terminal())
    bar.update(1, [("loss", 123456.0)])
    clock.now += 1
    bar.update(2, [("loss", 0.5)], finalize=True)
    first, last = bar.stream.getvalue().split("\r")[1:]
    assert len(last.rstrip("\n")) >= len(first)


def test_a_line_wider_than_the_terminal_is_cut_until_the_last(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = run(Progbar(3, stream=Terminal()), clock, 3)
    first, second, last = text.split("\r")[1:]
    assert len(first) == len(second) == 39
    assert last.endswith("- loss: 0.3333\n")


def test_a_stream_without_box_characters_gets_equal_signs(clock):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    bar = Progbar(1, width=5, stream=stream)
    bar.update(1)
    assert stream.buffer.getvalue() == b"1/1 ===== 0s 0s/step\n"


def test_mode_two_prints_one_line_without_a_bar(clock):
    bar = Progbar(20, verbose=2, stream=Terminal())
    text = run(bar, clock, 20, seconds=0.0005)
    assert text == "20/20 - 0s - 500us/step - loss: 0.0500\n"


def test_the_first_step_is_left_out_of_the_step_time(clock):
    bar = Progbar(3, verbose=2, stream=io.StringIO())
    clock.now += 60.0
    bar.update(1)
    assert run(bar, clock, 3, seconds=0.0).startswith("3/3 - 60s - 0s/step")


def test_negative_values_read_the_same_in_both_modes(clock):
    for verbose in (1, 2):
        bar = Progbar(1, verbose=verbose, stream=io.StringIO())
        bar.update(1, [("loss", -0.5), ("small", -1e-5)])
        assert bar.stream.getvalue().endswith("- loss: -0.5000 - small: -1.0000e-05\n")


def test_values_that_are_no_numbers_are_shown_as_they_are(clock):
    bar = Progbar(1, stream=io.StringIO(), stateless_metrics=())
    bar.update(1, [("phase", "warm-up")])
    assert bar.stream.getvalue().endswith("- phase: warm-up\n")


def test_both_lists_of_metrics_are_refused():
    with pytest.raises(ValueError, match="not both"):
        Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])
