"""MediaPipe's TextClassifier and TextEmbedder: files that take pieces of text as its RegexTokenizer cuts them."""

import functools
import zipfile

import numpy as np
import tensorflow as tf
import tf_keras as keras

from kerasvision.core.errors import KerasVisionError
from kerasvision.export import metadata
from kerasvision.export.spellings import AT_ONCE, UNKNOWN, Spellings, pattern, piece_ids, spellings_of
from kerasvision.export.targets import tflite
from kerasvision.ops.text import shares

TOKENS, WORDS, SHARES = "tokens", "words", "shares"  # the file's input, and the graph's
EMBEDDER_SUFFIX = "_embedder"  # of the second file's name
SIMILAR = 1e-4  # of coordinates of vectors of length 1: an embedder's beyond it are not the trained model's


def check(arch):
    """Raise KerasVisionError of a model that looks at more of a text than which words of a vocabulary it has."""
    seen = set(arch.encoder.specs(arch.rules)) if arch.encoder else set()
    if arch.wide is not None or not {WORDS} <= seen <= {WORDS, SHARES}:
        raise KerasVisionError(
            f"mediapipe: its tokenizer looks words up, and this {arch.registered_name} sees hashed words or "
            "characters; train with model.encoder=kim_cnn, gru or transformer and without model.wide, or export "
            "tflite, whose tokenizer is inside"
        )


def classifier(served, spellings):
    """A tf.function: {"tokens": int32 [1, words]} -> {"probabilities": float32 [1, K]}."""
    arch = served.arch

    def decode(raw):
        if "present" in arch.outputs:
            return {"probabilities": arch.probabilities(raw)}
        return {"probabilities": arch.decode(raw, {})["probabilities"]}

    return _function(arch, spellings, served.apply_graph, decode)


def embedder(served, spellings):
    """A tf.function: {"tokens": int32 [1, words]} -> {"embedding": float32 [1, D]}, of length 1."""
    graph = served.answering()
    inner = keras.Model(graph.input, {"embedding": served.arch.embedding(graph)})

    def decode(raw):
        return {"embedding": tf.math.l2_normalize(raw["embedding"], axis=1)}

    return _function(served.arch, spellings, lambda inputs: inner(inputs, training=False), decode)


def _function(arch, spellings, apply, decode):
    has_shares = SHARES in arch.encoder.specs(arch.rules)

    def predict(given):
        with tf.name_scope("kv_normalize"):  # which stays in integers, and what `decode` does in floats
            ids = spellings.ids(given[TOKENS])
            inputs = {WORDS: ids} | ({SHARES: shares(ids)} if has_shares else {})
        raw = apply(inputs)
        with tf.name_scope("kv_decode"):
            return decode({k: tf.cast(v, tf.float32) for k, v in raw.items()})

    spec = {TOKENS: tf.TensorSpec([1, spellings.words], tf.int32, name=TOKENS)}
    return tf.function(predict, input_signature=[spec], autograph=False)


def contents(exporter, job, outputs):
    """The bytes of (the classifier's file, the embedder's). outputs: the classifier's tables by key and the files that
    they name.
    """
    served, arch = job.served, job.served.arch
    spellings = spellings_of(arch, job.texts)
    calibration = [{TOKENS: spellings.tokens(line)[None]} for one in job.calibration for line in lines_of(one)]
    taken = metadata.text_input(_said(arch), pattern())
    vocabulary = {metadata.VOCABULARY_FILE: spellings.lines()}
    answers, named = outputs
    vector = metadata.numbers_output("feature", "A vector of length 1; alike texts, small angles.")
    made = []
    for task, function, tables, files in (
        ("TextClassifier", classifier, answers, named),
        ("TextEmbedder", embedder, {"embedding": vector}, {}),
    ):
        content = tflite.convert(served, exporter.quantize, "mixed", calibration, function(served, spellings))
        about = {"name": job.name, "description": f"{arch.registered_name}, for MediaPipe's {task}"}
        made.append(metadata.pack(content, about, taken, tables, {}, files | vocabulary))
    return made


def embedder_path(path):
    """The path of the embedder's file, of that of the classifier beside it (a `pathlib.Path`)."""
    return path.with_name(f"{path.stem}{EMBEDDER_SUFFIX}{path.suffix}")


def check_embedder(path, judge, quantize):
    """Yields a line unless the embedder beside a classifier gives the trained model's vectors, of texts with its ids;
    of files of other precisions than float32, vectors of length 1.
    """
    if not embedder_path(path).exists():
        yield "has no embedder beside it"
        return
    runner = TextRunner(embedder_path(path), judge.arch)
    for number, sample in enumerate(judge.samples):
        found = runner.answered(lines_of(sample))["embedding"]
        wanted = judge.embedding(number)
        wanted = wanted / max(float(np.linalg.norm(wanted)), 1e-12)
        far = np.abs(found - wanted).max() > SIMILAR and quantize == "float32" and not runner.unlike(sample)[0]
        if far or (np.linalg.norm(wanted) > 0 and abs(np.linalg.norm(found) - 1) > 1e-2):
            yield f"has an embedder beside it that gives another vector than the trained model for sample {number}"
            return


def lines_of(inputs):
    """[str] of serving inputs, or of prepared ones, batched."""
    if "text" in inputs:
        rows = np.asarray(inputs["text"], object).reshape(-1)
        return [row.decode("utf-8") if isinstance(row, bytes) else str(row) for row in rows]
    return [row.tobytes().rstrip(b"\0").decode("utf-8", "replace") for row in np.asarray(inputs["text_bytes"])]


class TextRunner(tflite.TFLiteRunner):
    """A `Runner` that cuts texts and looks their pieces up in the file's own vocabulary, as MediaPipe does."""

    unlike_words = "texts have other ids by MediaPipe's tokenizer than by the model's"

    def __init__(self, path, arch):
        super().__init__(path, arch, takes_prepared=False)
        with zipfile.ZipFile(path) as inside:
            held = inside.read(metadata.VOCABULARY_FILE).decode("utf-8")
        rows = {piece: int(row) for piece, row in (line.split(" ") for line in held.split("\n"))}
        self._spellings = Spellings(rows, np.zeros([0, 0], np.int32), arch.words)

    def __call__(self, inputs):
        self.prepare(inputs)  # which refuses what no model takes
        return self.answered(lines_of(inputs))

    def infer(self, inputs):
        return self.answered(lines_of(inputs))

    def answered(self, lines):
        """What the file says of texts, [str]: {key: numpy [B, ...]}."""
        found = super().infer({TOKENS: np.stack([self._spellings.tokens(line) for line in lines])})
        if "present" in self.arch.outputs and "probabilities" in found:
            found |= {"present": self.arch.present(tf.constant(found["probabilities"])).numpy()}
        return found

    def unlike(self, inputs):
        prepared, _ = self.prepare(inputs)
        ours = self.arch.rules.vocabulary_ids(self.arch.rules.words_of(tf.constant(prepared["text_bytes"]))).numpy()
        theirs = [self._ids(line) for line in lines_of(inputs)]
        return np.array([not np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)])

    @functools.cached_property
    def _ids_of(self):
        """piece -> ids of its words, of all that the file lists."""
        pieces, found = list(self._spellings.rows)[2:], {}
        for begin in range(0, len(pieces), AT_ONCE):
            part = pieces[begin : begin + AT_ONCE]
            found |= dict(zip(part, piece_ids(self.arch, part), strict=True))
        return found

    def _ids(self, line):
        """int32 [words]: what the file makes of a text, a str."""
        unknown = (self._spellings.rows[UNKNOWN],)
        found = [n for piece in self._spellings.pieces(line) for n in self._ids_of.get(piece, unknown) if n]
        found = found[: self.arch.words]
        return np.int32(found + [0] * (self.arch.words - len(found)))


def _said(arch):
    return (
        "The text, cut at white space; each piece is looked up as it is written. What the vocabulary does not list is "
        f"an unknown word; the trained model looks at {arch.length} bytes and lower-cases."
    )
