"""Whether people liked a film, from one snippet of a review: hashed words, pairs and n-grams, or convolutions.

Shows: text whose tokenizer is inside every file, and what short texts owe to a linear model: `recipe` has the linear
part alone, `words` Kim's convolutions alone, `joined` both in one graph.
Data: python pipelines/prepare_reviews.py --out data/reviews
Command: kerasvision train pipelines/classify_reviews.py --out runs/reviews
Measured on 2 busy cores (AVX-512), 2,014 test snippets, one seed: accuracy 0.781 (`recipe`); no snippet differs in the
SavedModel, the float .tflite and ONNX, 4 in the int8 .tflite (0.782, 283 kB, 0.2 ms on one thread). And 0.763 of
`joined`, whose network knows the training snippets by heart before its linear part has learned: two can be worse.
"""

import dataclasses

from kerasvision import Recipe, create
from kerasvision.core.registry import architectures

CLASSIFIER = architectures["text_classification/classifier"]
KIM = create("text_encoders/kim_cnn", size=64, filters=64, word_dropout=0.3)

recipe = Recipe(
    name="reviews",
    model=CLASSIFIER(length=300, words=64, encoder=None, wide=CLASSIFIER.linear()),
    data=create("sources/table", path="data/reviews/movies.csv", validation_fraction=0.1, test_fraction=0.2),
    optimizer=create("optimizers/adamw", learning_rate=1e-2),
    epochs=5,
    batch_size=64,
    cache=True,
    exports=(
        create("exporters/saved_model"),
        create("exporters/tflite"),
        create("exporters/tflite", quantize="int8"),
        create("exporters/onnx"),
    ),
)
SLOWLY = create("optimizers/adamw", learning_rate=1e-3)
words = dataclasses.replace(
    recipe,
    name="reviews_words",
    model=dataclasses.replace(recipe.model, encoder=KIM, wide=None),
    optimizer=SLOWLY,
    epochs=8,
)
joined = dataclasses.replace(words, name="reviews_joined", model=dataclasses.replace(recipe.model, encoder=KIM))
