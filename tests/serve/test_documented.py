"""Every request of docs/serving.md, sent to the embedded server: it answers as the table says of TensorFlow Serving."""

import json
import pathlib
import re

import pytest

TEXT = (pathlib.Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
ROW = re.compile(r"\| `(GET|POST) (\S+)` \| (?:`(.*?)`)? ?\| (\d{3}) `(.*?)` \| ")
ROWS = [found.groups() for line in TEXT.splitlines() if (found := ROW.match(line))]


def test_the_tables_are_read():
    assert len(ROWS) == sum(line.startswith(("| `GET", "| `POST")) for line in TEXT.splitlines()) == 35


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1]} {row[2] or ''}")
def test_the_answer_is_the_documented_one(client, row):
    method, path, body, status, expected = row
    answered, answer = client.ask(method, path, body if body or method == "GET" else "")
    assert answered == int(status)
    if answered == 200:
        assert answer == json.loads(expected)
    else:
        assert list(answer) == ["error"] and expected.strip() in answer["error"]
