import pytest

from deepbasics.utils.summary import Row, Size, layer_slice, readable_size, summary_table

ROWS = [
    Row("dense", "Dense", (None, 512), 401_920, trainable=True),
    Row("dropout", "Dropout", (None, 512)),
    Row("dense_1", "Dense", None, built=False, trainable=False),
]


TABLE = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━┓
┃ Layer (type)          ┃ Output Shape     ┃ Param # ┃ Tr… ┃
┡━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━┩
│ dense (Dense)         │ (None, 512)      │ 401,920 │  Y  │
├───────────────────────┼──────────────────┼─────────┼─────┤
│ dropout (Dropout)     │ (None, 512)      │       0 │  -  │
├───────────────────────┼──────────────────┼─────────┼─────┤
│ dense_1 (Dense)       │ ?                │       0 │  N  │
│                       │                  │ (unbui… │     │
└───────────────────────┴──────────────────┴─────────┴─────┘
 Total params: 401,920 (1.53 MB)
 Trainable params: 401,920 (1.53 MB)
 Non-trainable params: 0 (0.00 B)"""


def test_the_table_of_a_small_model():
    trainable = Size(401_920, 1_607_680)
    options = {"line_length": 60, "show_trainable": True}
    assert summary_table("sequential", ROWS, trainable, Size(), **options) == TABLE


def test_every_line_of_the_table_has_the_length_asked_for():
    for length in (50, 61, 88, 120):
        lines = summary_table("m", ROWS, Size(), Size(), line_length=length).splitlines()
        assert {len(line) for line in lines[1:-3]} == {length}


def test_the_default_width_is_that_of_the_kind_of_model(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for options, width in (
        ({}, 88),
        ({"connected": True}, 108),
        ({"show_trainable": True}, 100),
    ):
        assert len(summary_table("m", ROWS, Size(), Size(), **options).splitlines()[1]) == width
    monkeypatch.setenv("COLUMNS", "80")
    assert len(summary_table("m", ROWS, Size(), Size()).splitlines()[1]) == 76


def test_a_row_for_each_layer_and_a_rule_between_them():
    lines = summary_table("m", ROWS, Size(), Size(), line_length=70).splitlines()
    assert sum(line.startswith("├") for line in lines) == 2
    assert "│ dense_1 (Dense)" in lines[8]
    assert "│ ? " in lines[8]
    assert "0 (unbuilt) │" in lines[8]


def test_totals_count_the_optimizer_once_it_is_built():
    text = summary_table("m", ROWS, Size(10, 40), Size(5, 20), Size(22, 88), line_length=70)
    assert text.endswith(
        " Total params: 37 (148.00 B)\n Trainable params: 10 (40.00 B)\n"
        " Non-trainable params: 5 (20.00 B)\n Optimizer params: 22 (88.00 B)"
    )
    assert "Optimizer" not in summary_table("m", ROWS, Size(), Size(), line_length=70)


def test_positions_may_be_fractions_or_characters():
    by_fraction = summary_table(
        "m", ROWS, Size(), Size(), line_length=100, positions=[0.5, 0.8, 1.0]
    )
    by_character = summary_table(
        "m", ROWS, Size(), Size(), line_length=100, positions=[50, 80, 100]
    )
    assert by_fraction == by_character


def test_nested_layers_are_indented_and_connections_listed():
    rows = [
        Row("a", "InputLayer", [(None, 3)]),
        Row("inner", "Dense", [(None, 3), (None, 4)], connected=("a[0][0]", "b[0][1]"), depth=1),
    ]
    text = summary_table("m", rows, Size(), Size(), line_length=108, connected=True)
    assert "│    └ inner (Dense) " in text
    assert "│ [(None, 3), (None, 4)] " in text
    assert "│ a[0][0], b[0][1] " in text
    assert "│ - " in text


def test_a_table_too_narrow_for_its_columns_is_refused():
    with pytest.raises(ValueError, match="10 characters is too narrow"):
        summary_table("m", ROWS, Size(), Size(), line_length=10)


def test_layer_ranges_are_patterns_in_either_order():
    names = ["input", "dense", "dense_1", "out"]
    assert layer_slice(names, None) == slice(0, 4)
    assert layer_slice(names, ("out", "input")) == slice(0, 4)
    assert layer_slice(names, ("dense_1", "o.t")) == slice(2, 4)
    with pytest.raises(ValueError, match="matches no layer"):
        layer_slice(names, ("dense", "lstm"))
    with pytest.raises(ValueError, match="two layer names"):
        layer_slice(names, ("dense",))


def test_sizes_read_as_people_write_them():
    assert readable_size(304_168) == "297.04 KB"
    assert readable_size(0) == "0.00 B"
    assert readable_size(3 * 1024**3) == "3.00 GB"
