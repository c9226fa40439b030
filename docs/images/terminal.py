"""Draw what a terminal shows while `fit` runs, and a summary: progress.png and summary.png.

usage: python docs/images/terminal.py
"""

import os
import pty
import re
import sys
from pathlib import Path

from matplotlib.figure import Figure

HERE = Path(__file__).parent
COLUMNS = 108
CODES = {"1": "bold", "32": "green", "37": "grey", "0": ""}
COLOURS = {"": "#d8d8d8", "bold": "#ffffff", "green": "#6ac46a", "grey": "#606060"}
PROGRESS = """
import deepbasics as db
from deepbasics.layers import Dense, Dropout

db.utils.set_random_seed(0)
(x, y), _ = db.datasets.mnist.load_data()
stack = [Dense(512, "relu", input_shape=(784,)), Dropout(0.2), Dense(10, "softmax")]
model = db.Sequential(stack)
model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x.reshape(-1, 784) / 255, y, batch_size=128, epochs=3, validation_split=0.1)
"""
SUMMARY = """
import deepbasics as db
from deepbasics.layers import Concatenate, Conv2D, Dense, Flatten, Input, MaxPooling2D

picture, place = Input((28, 28, 1), name="picture"), Input((2,), name="place")
tower = db.Sequential([Conv2D(32, 3, activation="relu"), MaxPooling2D(), Flatten()], name="tower")
both = Concatenate(name="both")([tower(picture), place])
kind = Dense(10, "softmax", name="kind")(both)
size = Dense(1, name="size")(both)
db.Model([picture, place], [kind, size], name="two_and_two").summary(expand_nested=True)
"""


def shown_by(code: str) -> str:
    """What a script writes to a terminal."""
    chunks: list[bytes] = []

    def read(descriptor: int) -> bytes:
        chunks.append(os.read(descriptor, 4096))
        return chunks[-1]

    os.environ["COLUMNS"] = str(COLUMNS)
    pty.spawn([sys.executable, "-c", code], read)
    return b"".join(chunks).decode("utf8")


def screen(text: str) -> list[list[tuple[str, str]]]:
    """The lines of a terminal, each a list of characters with their style."""
    lines: list[list[tuple[str, str]]] = [[]]
    column, style = 0, ""
    for code, character in re.findall(r"\x1b\[(\d+)m|([^\x1b])", text.replace("\r\n", "\n")):
        if code:
            style = CODES[code]
        elif character == "\n":
            lines.append([])
            column = 0
        elif character == "\r":
            column = 0
        else:
            lines[-1][column : column + 1] = [(character, style)]
            column += 1
    return lines


def picture(lines: list[list[tuple[str, str]]], path: Path) -> None:
    """The lines as an image."""
    while lines and not lines[-1]:
        lines.pop()
    wide, high = max(map(len, lines)) + 2, len(lines) + 1
    figure = Figure(figsize=(wide * 0.0753, high * 0.165), dpi=120, facecolor="#1e1e1e")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, wide), ylim=(high, 0))
    axes.axis("off")
    for row, line in enumerate(lines):
        for style in COLOURS:
            text = "".join(c if s == style else " " for c, s in line)
            weight = "bold" if style == "bold" else "normal"
            axes.text(
                1,
                row + 1,
                text,
                color=COLOURS[style],
                family="DejaVu Sans Mono",
                size=9,
                weight=weight,
            )
    figure.savefig(path)


def main() -> None:
    """Both pictures; that of the bar in the middle of the last epoch."""
    text = shown_by(PROGRESS)
    last = text.rindex("Epoch")
    frames = [match.start() for match in re.finditer("\r(?!\n)", text[last:])]
    picture(screen(text[: last + frames[len(frames) * 2 // 3]]), HERE / "progress.png")
    picture(screen(shown_by(SUMMARY)), HERE / "summary.png")


if __name__ == "__main__":
    main()
