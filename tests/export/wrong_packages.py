"""What may be wrong with an exported folder, and what a client in another language says of it."""

# what -> (a function that spoils the folder, a part of the line)
WRONG = {
    "other bytes": (lambda f: (f / "model.tflite").write_bytes(b"x" * 999), "is not the file that golden.json has"),
    "no file": (lambda f: (f / "model.tflite").unlink(), "model.tflite is missing"),
    "no labels": (lambda f: (f / "labels.txt").unlink(), "labels.txt cannot be read"),
    "other labels": (lambda f: (f / "labels.txt").write_text("a\n"), "has other names than contract.json"),
    "no golden": (lambda f: (f / "golden.json").unlink(), "golden.json cannot be read"),
    "cut golden": (lambda f: (f / "golden.json").write_text('{"version": 1,'), "golden.json is damaged: it is no JSON"),
    "deep golden": (lambda f: (f / "golden.json").write_text("[" * 9999), "golden.json is damaged: it is no JSON"),
    "newer golden": (lambda f: (f / "golden.json").write_text('{"version": 2}'), "has another version"),
}
