"""Models in Graphviz' language."""

import shutil

import pytest

import deepbasics as db
from deepbasics import layers
from deepbasics.utils import model_to_dot, plot_model


def siamese():
    tower = db.Sequential([db.Input((4,)), layers.Dense(3, name="deep")], name="tower")
    a, b = db.Input((4,), name="a"), db.Input((4,), name="b")
    out = layers.Dense(1, "sigmoid", name="out")(tower(a) - tower(b))
    return db.Model([a, b], out, name="siamese")


def lines(text):
    return [line.strip() for line in text.splitlines()]


def test_boxes_and_arrows_are_those_of_the_graph():
    found = lines(model_to_dot(siamese(), show_layer_names=True, rankdir="LR"))
    assert found[0] == "digraph model {"
    assert "graph [dpi=200, rankdir=LR];" in found
    assert '"siamese/tower" [label="tower (Sequential)"];' in found
    assert '"siamese/subtract" [label="subtract (Subtract)"];' in found or any(
        "(Subtract)" in line for line in found
    )
    arrows = [line for line in found if "->" in line]
    assert '"siamese/a" -> "siamese/tower";' in arrows
    assert '"siamese/b" -> "siamese/tower";' in arrows
    assert len(arrows) == 4


def test_boxes_show_what_is_asked_for():
    model = siamese()
    model.get_layer("out").trainable = False
    text = model_to_dot(
        model, show_shapes=True, show_dtype=True, show_layer_activations=True, show_trainable=True
    )
    label = r"Dense\nactivation: sigmoid\nin: (None, 3) float32\nout: (None, 1) float32\nfrozen"
    assert f'"siamese/out" [label="{label}"];' in text
    assert r'"siamese/a" [label="InputLayer\nout: (None, 4) float32"];' in text


def test_models_within_are_framed():
    found = lines(model_to_dot(siamese(), expand_nested=True))
    start = found.index('subgraph "cluster_siamese/tower" {')
    assert found[start + 1] == 'label="tower";'
    assert any(line.startswith('"siamese/tower/deep"') for line in found[start:])
    inner = next(line for line in found if line.endswith('-> "siamese/tower/deep";'))
    entry = inner.split(" -> ")[0]
    assert f'"siamese/a" -> {entry};' in found
    assert any(line.startswith('"siamese/tower/deep" -> ') for line in found)


def test_a_stack_is_a_chain_and_a_subclass_has_no_arrows():
    stack = db.Sequential([db.Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert model_to_dot(stack).count("->") == 2

    class Own(db.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(3), layers.Dense(2)

        def call(self, inputs):
            return self.second(self.first(inputs))

    own = Own()
    with pytest.raises(ValueError, match="not built yet"):
        model_to_dot(own)
    own(db.ops.ones((1, 4)))
    assert model_to_dot(own).count("->") == 0
    assert model_to_dot(own).count("Dense") == 2


def test_the_description_is_written_without_graphviz(tmp_path):
    plot_model(siamese(), tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text(encoding="utf8").startswith("digraph")


def test_a_missing_graphviz_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RuntimeError, match=r"`dot` is not installed.*model\.dot") as raised:
        plot_model(siamese(), tmp_path / "model.png")
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(shutil.which("dot") is None, reason="draws with Graphviz")
def test_a_picture_is_drawn(tmp_path):
    plot_model(siamese(), tmp_path / "model.svg", expand_nested=True, show_shapes=True)
    assert "<svg" in (tmp_path / "model.svg").read_text(encoding="utf8")


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="rankdir"):
        model_to_dot(siamese(), rankdir="UP")
