"""Whether people liked a film, from one snippet of a review: convolutions over words with a linear part beside them.

Shows: text whose tokenizer is inside every file, and what short texts owe to hashed words and n-grams: `words` has the
network alone, `linear` the linear part alone, `recipe` both.
Data: python pipelines/prepare_reviews.py --out data/reviews
Command: kerasvision train pipelines/classify_reviews.py --out runs/reviews
"""

import dataclasses

from kerasvision import Recipe, create
from kerasvision.core.registry import architectures

CLASSIFIER = architectures["text_classification/classifier"]
KIM = create("text_encoders/kim_cnn", size=64, filters=64, word_dropout=0.3)

recipe = Recipe(
    name="reviews",
    model=CLASSIFIER(length=300, words=64, encoder=KIM, wide=CLASSIFIER.linear()),
    data=create("sources/table", path="data/reviews/movies.csv", validation_fraction=0.1, test_fraction=0.2),
    optimizer=create("optimizers/adamw", learning_rate=1e-3),
    epochs=8,
    batch_size=64,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
words = dataclasses.replace(recipe, name="reviews_words", model=dataclasses.replace(recipe.model, wide=None))
linear = dataclasses.replace(
    recipe, name="reviews_linear", model=dataclasses.replace(recipe.model, encoder=None), epochs=12
)
