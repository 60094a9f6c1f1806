"""The client's commands: `predict FILE IMAGE...`, `search FILE INDEX IMAGE...`, `read FILE IMAGE...`,
`track FILE FRAMES`, `follow FILE FRAMES --box X0,Y0,X1,Y1`, `verify FOLDER`, `bench FILE...`.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

from kerasvision.edge.arguments import with_boxes
from kerasvision.edge.bench import drawn_feed, processor, timed
from kerasvision.edge.client import encoded, open_client
from kerasvision.edge.errors import EdgeError, EdgeUsageError
from kerasvision.edge.follower import Follower, line
from kerasvision.edge.following import Following, lines
from kerasvision.edge.page_file import open_reader
from kerasvision.edge.runtimes import open_runtime
from kerasvision.edge.searching import open_search, vector_of
from kerasvision.edge.verifying import in_words, verify

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")
SOUNDS = (".wav",)


def main(argv=None):
    """Run one command. Returns 0 done, 1 failed, 2 wrong usage."""
    args = _parser().parse_args(with_boxes(sys.argv[1:] if argv is None else argv))
    try:
        return args.run(args)
    except EdgeError as error:
        print(f"kerasvision-edge: {error}", file=sys.stderr)
        return 2 if isinstance(error, EdgeUsageError) else 1


def _parser():
    parser = argparse.ArgumentParser("kerasvision-edge", description="Ask, verify and time exported models.")
    parser.add_argument("--threads", type=int, help="of the runtime; by default its own choice")
    verbs = parser.add_subparsers(dest="verb", required=True)
    asked = verbs.add_parser("predict", help="one JSON line an image or a sound")
    asked.add_argument("file", help=".tflite or .onnx beside its contract.json")
    asked.add_argument("images", nargs="+", help="files and folders")
    asked.add_argument("--draw", metavar="FOLDER", help="write each image with its prediction there, as PNG")
    asked.add_argument("--windows", action="store_true", help="of a sound: slide over all of it")
    asked.add_argument("--hop", type=float, metavar="SECONDS", help="of --windows (default: half of a window)")
    asked.set_defaults(run=_predict)
    _add_search_and_read(verbs)
    checked = verbs.add_parser("verify", help="does this device answer the golden examples as it must")
    checked.add_argument("folder")
    checked.set_defaults(run=_verify)
    _add_track_and_follow(verbs)
    timing = verbs.add_parser("bench", help="milliseconds of one example, on this processor")
    timing.add_argument("files", nargs="+")
    timing.add_argument("--repetitions", type=int, default=50)
    timing.set_defaults(run=_bench)
    return parser


def _add_search_and_read(verbs):
    searched = verbs.add_parser("search", help="the items of a packed index that are nearest, one JSON line an image")
    searched.add_argument("file", help=".tflite or .onnx of the index's embedder, beside its contract.json")
    searched.add_argument("index", help=".npz that kerasvision index pack wrote")
    searched.add_argument("images", nargs="*", help="files and folders")
    searched.add_argument("--text", action="append", default=[], help="words, of a model of pictures and words")
    searched.add_argument("--top", type=int, default=5, metavar="K", help="how many (default: 5)")
    searched.set_defaults(run=_search)
    reading = verbs.add_parser("read", help="one JSON line a page, its text in reading order")
    reading.add_argument("file", help="the .tflite of a reader, as kerasvision read --save reader.tflite writes it")
    reading.add_argument("images", nargs="+", help="pages: files and folders")
    reading.add_argument("--text", action="store_true", help="its text in place of JSON")
    reading.set_defaults(run=_read)


def _add_track_and_follow(verbs):
    tracked = verbs.add_parser("track", help="MOTChallenge's lines of a folder of frames, in the order of their names")
    tracked.add_argument("file", help=".tflite or .onnx with a tracker, beside its contract.json")
    tracked.add_argument("images", nargs="+", help="frames, or a folder of them")
    tracked.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="frames a second")
    tracked.set_defaults(run=_track)
    followed = verbs.add_parser("follow", help="the same lines of one object, from a box in the first frame on")
    followed.add_argument("file", help=".tflite or .onnx of tracking/*, beside its contract.json")
    followed.add_argument("images", nargs="+", help="frames, or a folder of them")
    followed.add_argument("--box", required=True, metavar="X0,Y0,X1,Y1", help="in pixels of the first frame")
    followed.set_defaults(run=_follow)


def _predict(args):
    client, failed = open_client(args.file, args.threads), 0
    _check_of_sounds(args, client)
    for path in _files(args.images, SOUNDS if client.hears else SUFFIXES):
        try:
            picture = path if client.hears else encoded(path)
            values = client.listen(path, args.hop) if args.windows else client.predict(picture)
            if args.draw:
                from kerasvision.edge.drawing import draw

                draw(picture, values, client, pathlib.Path(args.draw, f"{path.stem}.png"))
        except EdgeUsageError:
            raise
        except EdgeError as error:
            failed += 1
            print(json.dumps({"input": str(path), "error": str(error)}), flush=True)
            continue
        print(json.dumps({"input": str(path), "prediction": client.describe(values)}), flush=True)
    return 1 if failed else 0


def _check_of_sounds(args, client):
    if args.hop is not None and not args.windows:
        raise EdgeUsageError("--hop is of --windows; add it")
    if args.draw and client.hears:
        raise EdgeUsageError("--draw is of pictures; this model takes sounds")


def _search(args):
    if not args.images and not args.text:
        raise EdgeUsageError("search needs an image, or --text WORDS")
    client, search, failed = open_client(args.file, args.threads), open_search(args.index), 0
    search.require(client)
    asked = [(text, {"text": text}) for text in args.text] + [(str(p), {"picture": p}) for p in _images(args.images)]
    for name, given in asked:
        try:
            found = {"nearest": search.nearest(vector_of(client, **given), args.top)}
        except EdgeUsageError:
            raise
        except EdgeError as error:
            failed, found = failed + 1, {"error": str(error)}
        print(json.dumps({"input": name} | found), flush=True)
    return 1 if failed else 0


def _read(args):
    reader, failed = open_reader(args.file, args.threads), 0
    for path in _images(args.images):
        try:
            page = reader.read(path)
        except EdgeError as error:
            failed += 1
            print(
                json.dumps({"input": str(path), "error": str(error)}),
                file=sys.stderr if args.text else None,
                flush=True,
            )
            continue
        row = {"input": str(path), "page": 1} | page.to_json()
        print(page.text if args.text else json.dumps(row, ensure_ascii=False), flush=True)
    return 1 if failed else 0


def _track(args):
    if not args.rate > 0:
        raise EdgeUsageError(f"--rate {args.rate:g}; allowed: above 0")
    following, number = Following(open_client(args.file, args.threads)), 0
    for number, path in enumerate(_images(args.images)):
        print(lines(number, following.step(path, number / args.rate)), end="", flush=True)
    if following.left_out:
        print(f"{following.left_out} times an object had no slot; the surest have them", file=sys.stderr)
    return 0


def _follow(args):
    try:
        box = [float(word) for word in args.box.split(",")]
    except ValueError:
        box = []
    if len(box) != 4:
        raise EdgeUsageError(f"--box {args.box!r}: write X0,Y0,X1,Y1, as in --box 20,30,80,90")
    follower = Follower(open_client(args.file, args.threads))
    for number, path in enumerate(_images(args.images)):
        answer = follower.step(path) if number else follower.begin(path, box)
        print(line(number, answer), end="", flush=True)
    return 0


def _images(words):
    return _files(words, SUFFIXES)


def _files(words, suffixes):
    for path in map(pathlib.Path, words):
        if not path.is_dir():
            yield path
            continue
        held = sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes)
        if not held:
            raise EdgeError(
                f"{path} holds no {'sound' if suffixes == SOUNDS else 'image'}; looked for {', '.join(suffixes)}"
            )
        yield from held


def _verify(args):
    findings = verify(args.folder, args.threads)
    print("\n".join(in_words(findings)))
    return 0 if all(finding.passes for finding in findings) else 1


def _bench(args):
    if args.repetitions < 2:
        raise EdgeUsageError(f"--repetitions {args.repetitions}; allowed: 2 and above")
    runtimes = [open_runtime(path, args.threads) for path in args.files]
    subjects = [
        (path, args.threads or 0, runtime, drawn_feed(runtime.inputs))
        for path, runtime in zip(args.files, runtimes, strict=True)
    ]
    print(json.dumps({"processor": processor()}))
    for row in timed(subjects, args.repetitions):
        print(json.dumps(dataclasses.asdict(row)))
    return 0
