"""A table of texts and numbers with what is planted in it, and a recipe of a small model of both senses."""

import csv

import numpy as np

from kerasvision.core.recipe import Recipe
from kerasvision.core.registry import create

WORDS = {"no": "bad dull slow", "yes": "good bright quick"}
ROWS = 720


def table(folder, given_away):
    """Path of a CSV: texts whose words name the right class of seven in ten, some of them missing, and a column of
    noise, or, `given_away`, of the very answer. Half of the rows are for testing.
    """
    rng, rows = np.random.default_rng(5), []
    for number in range(ROWS):
        label = ("no", "yes")[number % 2]
        said = label if rng.random() < 0.7 else ("yes", "no")[number % 2]
        text = rng.choice(WORDS[said].split())
        value = (number % 2) * 4.0 + 0.1 * rng.normal() if given_away else rng.normal()
        text = "" if number % 30 == 7 else text
        rows.append([text, f"{value:.3f}", label, ("train", "test")[number // 2 % 2]])
    path = folder / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["title", "code", "label", "split"], *rows])
    return path


def recipe(path, name):
    """Of late fusion, whose weights are settled on a tenth of the training rows."""
    encoder = create("text_encoders/fast", size=8, buckets=100, ngrams=())
    fields = {"senses": ("text", "numbers"), "width": 8, "sense_dropout": 0.3, "fusion": "late"}
    model = create("multi_modal/classifier", **fields, encoder=encoder, length=24, words=4)
    columns = {"text_column": "title", "number_columns": ("code",)}
    data = create("sources/senses", path=str(path), **columns, validation_fraction=0.0)
    optimizer = create("optimizers/adamw", learning_rate=0.02)
    watch = (create("techniques/balance_modalities", alpha=0.0),)
    return Recipe(name=name, model=model, data=data, epochs=6, batch_size=32, optimizer=optimizer, techniques=watch)
