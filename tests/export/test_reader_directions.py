"""Scripts from right to left within a graph: words, lines and columns as on the host, and lines that are refused."""

import numpy as np
import tensorflow as tf

from kerasvision.edge.pages import strips
from kerasvision.edge.pages.page import page_of
from kerasvision.edge.pages.reading import Rules
from kerasvision.edge.pages.reading_order import angle_of, reading_order, upright
from kerasvision.edge.pages.standing import ends, standing
from kerasvision.export.reader import columns, spelling
from kerasvision.systems.base import Session
from kerasvision.systems.page_reader import PageReader
from tests.export.test_reader_graph import drawn_quads, in_graph, rules
from tests.systems.drawn_pages import Finder, Reader, mirrored, moved, painted, printed
from tests.systems.test_page_reader import SEEN
from tests.systems.test_scripts import body

NAMES = [*"ab1 2.,/-+%$()[]\u00ab!", "e\u0301", "\u05d0", "\u05d1\u05b8", "\u0639", "\u0627", "\u0661"]
IDS = {name: i for i, name in enumerate(NAMES)}
BLANK = IDS[" "]


def in_words(ids, piece, fresh, owner, lines):
    """`Words` of lists."""
    held = [np.array(values, np.int32) for values in (ids, piece)]
    return spelling.words_of(*held, held[0] == BLANK, np.array(fresh, bool), np.array(owner, np.int32), lines)


def host(pieces, right_to_left):
    """A line's text. pieces: (classes, whether words are parted where it begins) of each."""
    words, fresh = [], True
    for ids, is_parted in pieces:
        fresh |= is_parted
        for k in ids:
            if k == BLANK:
                fresh = True
                continue
            words += [[]] * fresh
            words[-1] = [*words[-1], NAMES[k]]
            fresh = False
    texts = ["".join(strips.as_read(w) if strips.runs_from_right_to_left("".join(w)) else w) for w in words]
    return " ".join(text for (text,) in strips.in_order([(text,) for text in texts], right_to_left))


def test_words_and_lines_are_in_the_order_of_the_host():
    """Letters of three scripts, digits, signs and brackets by chance, in pieces of which some are empty."""
    rng, wanted = np.random.default_rng(4), []
    rows = {"ids": [], "piece": [], "fresh": [], "owner": []}
    right = rng.random(160) < 0.5
    share = np.where([name == " " for name in NAMES], 3.0, 1.0)
    for line in range(len(right)):
        pieces = []
        for _ in range(rng.integers(1, 4)):
            own = rng.choice(len(NAMES), rng.integers(0, 14), p=share / share.sum())
            pieces.append((own.tolist(), bool(rng.random() < 0.5)))
            rows["piece"] += [len(rows["owner"])] * len(own)
            rows["ids"] += own.tolist()
            rows["fresh"].append(pieces[-1][1])
            rows["owner"].append(line)
        wanted.append(host(pieces, bool(right[line])))
    words, alphabet = in_words(**rows, lines=len(right)), spelling.Alphabet(NAMES)
    assert [text.decode() for text in alphabet.texts(words, tf.constant(right)).numpy()] == wanted
    votes = [strips.vote_of(text) for text in wanted]
    assert alphabet.votes(words).numpy().tolist() == votes and min(votes) < -2 and max(votes) > 2
    assert words.counts().numpy().tolist() == [len(text.split()) for text in wanted]
    nothing = in_words([], [], [], [], 0)
    assert alphabet.texts(nothing, tf.zeros([0], bool)).shape == (0,)


def test_words_are_those_that_were_put_down_by_hand():
    names = sorted({c for word in (*SEEN, *SEEN.values()) for c in word})
    ids = [[names.index(c) for c in word] for word in SEEN]
    owner = np.arange(len(ids))
    words = spelling.words_of(
        np.concatenate(ids).astype(np.int32),
        np.repeat(owner, [len(row) for row in ids]).astype(np.int32),
        np.zeros(sum(map(len, ids)), bool),
        np.zeros(len(ids), bool),
        owner.astype(np.int32),
        len(ids),
    )
    found = spelling.Alphabet(names).texts(words, tf.zeros([len(ids)], bool))
    assert [text.decode() for text in found.numpy()] == list(SEEN.values())


def clutter(seed):
    """(quads of lines and words, standing ones too, votes) by chance, so that all rules of rows and columns are met."""
    rng = np.random.default_rng(seed)
    quads = drawn_quads(rng, int(rng.integers(1, 40)), (500, 400))
    angle = angle_of(quads)
    quads = upright(quads, angle)
    stands = standing(quads, angle)
    chosen = rng.integers(0, 2, len(quads))
    quads[stands] = ends(quads[stands], angle)[np.arange(stands.sum()), chosen[stands]]
    return quads, rng.integers(-9, 10, len(quads)), np.where(stands, 1 - 2 * chosen, 0)


def pages():
    """(quads, votes, standing) of words of printed pages in two directions, of clutter, and of none."""
    for count, seed in ((1, 3), (3, 4)):
        quads = np.concatenate([line.quads for line in printed(count, seed)[0]])
        quads = quads[np.random.default_rng(seed).permutation(len(quads))]
        yield quads, np.where(quads[:, 0, 0] + quads[:, 0, 1] < 800, -3, 4), np.zeros(len(quads), int)
    yield from map(clutter, range(24))
    yield np.zeros((0, 4, 2)), np.zeros(0, int), np.zeros(0, int)


def test_columns_from_right_to_left_are_those_of_the_host():
    signature = [tf.TensorSpec([None, 4, 2], tf.float64), tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], bool)]
    settings = (Rules(), Rules(word_gap=0.4))
    traced = [
        tf.function(lambda *given, r=r: columns.from_right_to_left(*given, r), signature, autograph=False)
        for r in settings
    ]
    both = 0
    for number, (quads, votes, stands) in enumerate(pages()):
        own = settings[number % 2]
        wanted = np.zeros(len(quads), bool)
        for line in reading_order(quads, own.right_to_left, own.word_gap, votes, stands):
            wanted[list(line.quads)] = line.right_to_left
        found = traced[number % 2](quads, votes.astype(np.int32), stands != 0).numpy()
        np.testing.assert_array_equal(found, wanted, err_msg=str(number))
        both += wanted[stands == 0].any() and not wanted[stands == 0].all()
    assert both >= 8, "pages of one direction alone would prove little"
    quads, votes, stands = clutter(1)
    found = columns.from_right_to_left(tf.constant(quads), votes.astype(np.int32), stands != 0, Rules("0", True))
    np.testing.assert_array_equal(found, stands == 0, err_msg="what is set counts more than what was read")


def test_a_page_gives_the_strings_of_the_host_and_what_is_less_sure_than_asked_is_refused():
    """A block from right to left below one from left to right; nothing is set, the characters decide. Every other line
    is a little less sure than asked.
    """
    size = (300, 420)
    upper, lower = (body(printed(1, seed, skew_deg=0.0, size_hw=size, em=(11, 12))[0]) for seed in (5, 6))
    lines = [*upper, *moved(mirrored(lower, size[1]), (0, size[0] + 60))]

    class Unsure(Reader):
        def __call__(self, inputs):
            found = super().__call__(inputs)
            numbers = np.array([np.median(image[..., 0][image[..., 0] < 100]) for image in inputs["image"]])
            share = np.where(numbers % 2, 0.9001, 0.8999)
            return found | {"path_score": np.float32(share ** found["count"])}

    image = painted(lines, (2 * size[0] + 60, size[1]))
    quads = np.array([line.quad for line in lines])
    answer, _ = in_graph(lines, quads, rules(least_certainty=0.9), image, reader=Unsure(lines))
    models = {"detector": Finder(quads), "recognizer": Unsure(lines)}
    page = page_of(Session(PageReader(orientation="0", least_certainty=0.9), models).step({"image": image}))
    texts = [text.decode() for text in answer["texts"][: int(answer["count"])]]
    assert texts == [line.text for line in lines[::2]] and sorted(texts) == sorted(line.text for line in page.lines)
    assert int(answer["refused"]) == len(page.refused) == len(lines[1::2]) and not int(answer["unread"])
