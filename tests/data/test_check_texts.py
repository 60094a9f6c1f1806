"""`data check` of a table of texts: lengths, scripts, labels that disagree, and what is nearly the same."""

import itertools

from kerasvision.cli.main import main
from kerasvision.core.registry import create
from kerasvision.data.inspect import texts
from kerasvision.data.inspect.check import check

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
ROWS = (
    (LONG, "a", "train"),
    (LONG.replace("sixteen", "seventeen"), "b", "test"),  # 13 of 15 shingles in common
    (LONG.replace("eight", "8"), "b", "test"),  # 11 of 17
    ("Привет мир", "a", "train"),
    ("Same Text", "a", "train"),
    ("same  text", "b", "train"),
    ("x" * 257, "b", "train"),
    ("y" * 256, "a", "test"),
    ("", "a", "test"),
)


def report_of(folder):
    path = folder / "rows.csv"
    path.write_text("text,label,split\n" + "".join(f"{t},{k},{s}\n" for t, k, s in ROWS), encoding="utf-8")
    return check(create("sources/table", path=str(path), validation_fraction=0.0)), path


def test_what_is_found_is_counted(tmp_path, capsys):
    report, path = report_of(tmp_path)
    assert report["bytes"] == {"min": 9, "median": 94.0, "max": 257}
    assert report["scripts"] == {"LATIN": 7, "CYRILLIC": 1}
    assert {n: s["size"] for n, s in report["splits"].items()} == {"train": 5, "test": 3}
    assert report["splits"]["train"]["classes"] == {"a": 3, "b": 2}
    found = {f["kind"]: f["examples"] for f in report["findings"]}
    assert set(found) == {"blank", "cut", "text_contradiction", "text_leak"}
    assert len(found["cut"]) == 1 and found["cut"][0].startswith("'xxx")
    assert found["text_contradiction"] == ["'same text'"]
    assert len(found["text_leak"]) == 1
    assert main(["data", "check", str(path)]) == 0
    said = capsys.readouterr().out
    assert "bytes: 9 to 257, median 94" in said and "scripts: 7 LATIN, 1 CYRILLIC" in said
    assert "looked at 8 texts" in said or "8 texts" in said


def test_near_pairs_are_those_of_counting_all():
    """Against every pair compared in full; only pairs of different splits count."""
    words = LONG.split()
    rows = [(("train", "test")[n % 2], " ".join(words[: n // 4] + ["new"] + words[n // 4 + 1 :])) for n in range(40)]
    rows += [("test", LONG), ("train", LONG)]

    def shingles(text):
        held = text.split()
        return {tuple(held[i : i + 3]) for i in range(len(held) - 2)}

    expected = [
        (a, b)
        for a, b in itertools.combinations(range(len(rows)), 2)
        if rows[a][0] != rows[b][0]
        and len(shingles(rows[a][1]) & shingles(rows[b][1])) / len(shingles(rows[a][1]) | shingles(rows[b][1])) >= 0.7
    ]
    found = texts.near(rows)
    assert set(found) <= set(expected) and len(found) >= 0.97 * len(expected)
