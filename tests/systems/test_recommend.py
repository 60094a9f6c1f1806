"""Recommendations against formulas written out, scikit-learn's nDCG, and closed forms of chance that are drawn."""

import collections
import datetime
import itertools

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.systems import recommend, recommending
from kerasvision.systems.index import Filter, Index

WIDE = 8


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def index_of(vectors, removed=()):
    """Items 0, 1, ... with paths 0.png, 1.png, ..., even ones with the label even."""
    items = [{"number": n, "path": f"{n}.png", "label": "odd" if n % 2 else "even"} for n in range(len(vectors))]
    return Index(vectors, tuple(None if n in removed else i for n, i in enumerate(items)), "runs/find", vectors[:1])


@pytest.fixture(scope="module")
def shop():
    return index_of(unit(np.random.default_rng(0).normal(size=(60, WIDE))), removed=(7,))


def test_a_taste_is_rocchio_s():
    liked, disliked = np.random.default_rng(1).normal(size=(2, 3, WIDE)).astype(np.float32)
    expected = 0.75 * liked.sum(0) / 3 - 0.15 * disliked.sum(0) / 3
    np.testing.assert_allclose(recommend.taste(liked, disliked), unit(expected), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(recommend.taste(liked), unit(liked.sum(0)), rtol=1e-5, atol=1e-6)
    with pytest.raises(UsageError, match="nothing was liked"):
        recommend.taste([], disliked)
    with pytest.raises(UsageError, match="cancels out"):
        recommend.taste(liked[:1], 5.0 * liked[:1])


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.7, 1.0])
def test_maximal_marginal_relevance_is_the_paper_s(diversity):
    """Carbonell and Goldstein's argmax, over all that is left, in loops."""
    vectors = unit(np.random.default_rng(2).normal(size=(20, WIDE)))
    cosines, chosen = vectors @ vectors[3], []
    while len(chosen) < 8:
        marginal = {
            n: (1 - diversity) * cosines[n] - diversity * max(vectors[n] @ vectors[m] for m in chosen)
            if chosen
            else cosines[n]
            for n in range(20)
            if n not in chosen
        }
        chosen.append(max(marginal, key=marginal.get))
    assert recommend.diverse(cosines, vectors, 8, diversity).tolist() == chosen
    if not diversity:
        assert chosen == np.argsort(-cosines, kind="stable")[:8].tolist()


def test_one_of_equal_pictures_is_enough_where_variety_counts():
    """Ten copies of the best, and one other thing: nearest alone shows copies, diversity the other."""
    best, other = unit(np.eye(WIDE)[0] + 0.3 * np.eye(WIDE)[1]), unit(np.eye(WIDE)[0] - 0.8 * np.eye(WIDE)[1])
    held = index_of(np.stack([*[best] * 10, other]))
    wanted = np.eye(WIDE, dtype=np.float32)[0]
    assert recommend.recommended(held, wanted, 2, 0.0).places.tolist() == [0, 1]
    assert recommend.recommended(held, wanted, 2, 0.5).places.tolist() == [0, 10]


def test_what_is_known_removed_or_filtered_is_not_recommended(shop):
    wanted = recommend.taste(shop.vectors[[1, 3]])
    found = recommend.recommended(shop, wanted, 20, 0.2, {1, 3}, Filter(label="odd"))
    assert len({*found.places.tolist()}) == 20 and all(n % 2 and n not in (1, 3, 7) for n in found.places)
    np.testing.assert_allclose(found.cosines, shop.vectors[found.places] @ wanted, atol=1e-6)
    with pytest.raises(UsageError, match="28 recommendations of 27 items that are left; allowed: 1 to 27"):
        recommend.recommended(shop, wanted, 28, 0.2, {1, 3}, Filter(label="odd"))
    with pytest.raises(UsageError, match=r"a diversity of 1.1; allowed: 0"):
        recommend.recommended(shop, wanted, 2, 1.1)


def write(path, rows):
    path.write_text("user,item,time\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path


def test_times_split_all_users_alike(shop, tmp_path):
    rows = [("ann", "1.png", 1), ("bob", "2.png", 2), ("ann", "3.png", 5), ("eve", "3.png", 5), ("bob", "2.png", 6)]
    rows += [("ann", "1.png", 8), ("ann", "gone.png", 3), ("ann", "7.png", 4)]
    touches = recommending.read(write(tmp_path / "touches.csv", rows), shop)
    assert (touches.missing, touches.example) == (2, "gone.png")
    parts = recommending.split(touches, 5.0)
    assert parts.known == {"ann": {1}, "bob": {2}} and parts.later == {"ann": {3}}
    assert (parts.strangers, parts.content) == (1, 1), "eve, and bob who came back for the same"
    with pytest.raises(KerasVisionError, match="of 6 rows 0 are before the time"):
        recommending.split(touches, 1.0)


@pytest.mark.parametrize(("text", "found"), [("12.5", 12.5), ("1970-01-02", 86400.0), ("nan", None), ("soon", None)])
def test_times_are_numbers_or_dates(text, found):
    assert recommending.seconds(text) == found
    assert recommending.seconds("1970-01-01T02:00:00+02:00") == 0.0
    assert recommending.seconds("2026-01-31") == datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user,item\nann,1.png\n", "has no column time; it needs user,item,time"),
        ("user,item,time\nann,1.png,1\nbob,2.png,later\n", "line 3: user 'bob', item '2.png', time 'later'"),
        ("user,item,time\n,1.png,1\n", "line 2: user ''"),
        ("user,item,time\n", "names no item of the index, as it has no rows"),
        ("user,item,time\nann,x.png,1\n", "names no item of the index, such as x.png"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, said, shop, tmp_path):
    (tmp_path / "touches.csv").write_text(text)
    with pytest.raises(KerasVisionError, match=said):
        recommending.read(tmp_path / "touches.csv", shop)


def test_ndcg_is_scikit_learn_s(shop):
    rng = np.random.default_rng(3)
    shown, later, expected = {}, {}, []
    for user in range(12):
        scores = rng.normal(size=60)
        truth = np.zeros(60)
        truth[rng.choice(60, 1 + user, replace=False)] = 1
        shown[user], later[user] = np.argsort(-scores)[:5].tolist(), {*np.flatnonzero(truth).tolist()}
        expected.append(ndcg_score([truth], [scores], k=5))
    found = recommending.figures_of(shown, later, 60, collections.Counter(range(30)), 5)
    assert found["ndcg@5"] == pytest.approx(np.mean(expected), abs=1e-9)
    assert found["hit@5"] == np.mean([bool({*shown[u]} & later[u]) for u in shown])
    every = [*itertools.chain(*shown.values())]
    assert found["coverage@5"] == len({*every}) / 60
    assert found["untouched@5"] == np.mean([n >= 30 for n in every])


def test_chance_is_what_draws_come_to():
    """Means of 4,000 draws, within five of their standard errors; coverage and hits are at most 1 each."""
    parts = recommending.Split({0: {0, 1}, 1: {2}}, {0: {3, 4, 5}, 1: {0}}, 0.0, 0, 0)
    counts, numbers, top = collections.Counter(range(3)), list(range(9)), 3
    expected = recommending.expected(parts, numbers, counts, top)
    rng, seen = np.random.default_rng(4), []
    for _ in range(4000):
        shown = {u: rng.permutation([n for n in numbers if n not in parts.known[u]])[:top] for u in parts.later}
        seen.append(recommending.figures_of(shown, parts.later, 9, counts, top))
    for name, value in expected.items():
        of = [one[name] for one in seen]
        assert abs(np.mean(of) - value) < 5 * np.std(of) / np.sqrt(len(of)), name


def test_tastes_that_are_in_the_vectors_are_told_from_popularity():
    """Two users, each of a direction of their own; what they touch later is in it, and nobody touched it before."""
    rng = np.random.default_rng(5)
    around = np.eye(WIDE)[np.arange(40) % 2] + rng.normal(0, 0.05, (40, WIDE))
    held = index_of(unit(around))
    rows = [(f"user {n % 2}", n, n) for n in range(20)] + [(f"user {n % 2}", n, n) for n in range(20, 30)]
    rows += [(f"fan {k}", 0, 0) for k in range(3)]
    touches = recommending.Touches(tuple(sorted(rows, key=lambda row: row[2])))
    parts = recommending.split(touches, 20.0)
    found = recommending.judged(held, parts, 10, 0.0)
    assert found["taste"]["hit@10"] == 1.0 and found["taste"]["untouched@10"] == 1.0
    # ten new ones of each direction, five of which come to be touched: no other direction is among the ten
    assert found["taste"]["ndcg@10"] > found["chance"]["ndcg@10"]
    assert found["popularity"]["untouched@10"] == 0.0 and found["popularity"]["hit@10"] == 0.0
    with pytest.raises(UsageError, match=r"--top 31: a user has 30 items left that are new"):
        recommending.judged(held, parts, 31)
