"""`kerasvision read DETECTOR RECOGNIZER... FILE...`: pages of text, in reading order."""

import dataclasses
import glob
import pathlib
import sys

from kerasvision.cli.recipes import add_settings
from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.core.escaping import lines_of

HELP = "read pages of text (pictures, TIFFs, PDFs) with a detector of text and a recognizer of lines"
FORMS = ("text", "json", "hocr", "alto", "tsv", "pdf")
_MODELS = ("detector", "recognizer")
_FILES = (".tflite", ".onnx")


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="DETECTOR RECOGNIZER FILE",
        help="a run or exported file of text_detection/*, one or more of text_recognition/*, one a script (or, in "
        "place of all, what --save wrote), and pages: pictures, TIFFs, PDFs (extra pdf), folders, globs",
    )
    parser.add_argument("--out", metavar="DIR", help="write a file for each document and form there")
    text = (
        "text, json, hocr, alto, tsv, pdf (the picture with its words unseen above it, to be searched); default: text; "
        "without --out one of them, on stdout, but pdf"
    )
    parser.add_argument("--as", dest="forms", nargs="+", choices=FORMS, default=[], metavar="FORM", help=text)
    parser.add_argument("--json", action="store_true", help="one JSON line a page on stdout")
    parser.add_argument("--dpi", type=float, default=200.0, help="dots an inch that PDFs are drawn with (default: 200)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with --out where the same command was stopped or could not read all",
    )
    turn = "degrees to the right that pages are turned by to be upright (default: auto, as they read best)"
    parser.add_argument("--orientation", choices=("auto", "0", "90", "180", "270"), help=turn)
    saved = (
        "copy both models and the settings there, for the next time; NAME.tflite: two .tflite files in one; NAME/1: "
        "two SavedModels in one, to be served"
    )
    parser.add_argument("--save", metavar="FOLDER", help=saved)
    add_settings(parser, "of the reader, as in right_to_left=True; of a model, as in detector.max_quads=256")


def run(args):
    """Read every document; 1 if any failed, after all were tried."""
    forms = _forms(args)
    from kerasvision.systems.page_reader import refusing

    session, words, places = _reader(args)
    said = refusing(session.system, session.models)
    if args.save:
        _save(args, session)
    documents = _documents(words, bool(args.save))
    if not documents:
        return 0
    if len(documents) > 1 and forms != ("text",) and not args.out:
        raise UsageError(f"--as {forms[0]} prints one document, and {len(documents)} are named; give a folder, --out")
    from kerasvision.cli.reading import Journal, Reading, identity_of

    journal = None
    if args.out:
        _check_names(documents, args.out, forms)
        journal = Journal(args.out, forms, lambda: f"{identity_of(session, places)} {args.dpi!r}", args.resume)
    if said:
        print(said, file=sys.stderr)
    reading = Reading(session, journal, forms, args)
    for path in documents:
        if journal and journal.is_done(path):
            reading.skipped += 1
            continue
        try:
            reading.read(path, len(documents))
        except KerasVisionError as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise
            reading.failed += 1
            print(f"kerasvision: {lines_of(error)}", file=sys.stderr)
    if journal and not reading.is_lacking:
        journal.end()
    print(reading.in_words(), file=sys.stderr)
    return 1 if reading.is_lacking else 0


def _forms(args):
    forms = tuple(dict.fromkeys(args.forms or ("text",)))
    if args.resume and not args.out:
        raise UsageError("--resume goes on writing to --out; name the folder that was written to")
    if args.json and (args.forms or args.out):
        raise UsageError("--json prints a line a page; for files give --out and --as json")
    if not args.out and len(forms) > 1:
        raise UsageError(f"--as {' '.join(forms)}: name a folder to write them to, with --out")
    if not args.out and "pdf" in forms:
        raise UsageError("--as pdf: name a folder to write it to, with --out")
    if not 10 <= args.dpi <= 1200:
        raise UsageError(f"--dpi {args.dpi:g}; allowed: 10 to 1200")
    return forms


def _reader(args):
    """(session, the words that name documents, {model: what it was loaded from})."""
    from kerasvision.api import load
    from kerasvision.core.overrides import with_settings
    from kerasvision.export.reader.saved import saved_reader_in
    from kerasvision.export.reader_file import reader_in
    from kerasvision.systems.base import FILE, Session, load_system
    from kerasvision.systems.page_reader import PageReader, check_models

    (own, settings), places, names = _settings(args.settings), {}, None

    def opened(name, path):
        places[name] = path
        return load(path, settings.get(name, []))

    if held := reader_in(args.words[0]) or saved_reader_in(args.words[0]):
        session, words = _of_one_file(args.words[0], held, settings), args.words[1:]
        places = dict.fromkeys(_MODELS, args.words[0])
    elif pathlib.Path(args.words[0], FILE).exists():
        # such a folder has its models in models/NAME
        session = load_system(
            args.words[0],
            lambda path: opened(path.relative_to(pathlib.Path(args.words[0], "models")).parts[0], path),
        )
        if not isinstance(session.system, PageReader):
            raise UsageError(f"{args.words[0]} holds a {session.system.called}; read takes one that --save wrote")
        words = args.words[1:]
    else:
        names = _models(args.words)
        models = {name: opened(name, word) for name, word in names.items()}
        session, words = Session(PageReader(recognizers=len(names) - 1), models), args.words[len(names) :]
    check_models(session.models, names)
    if beyond := settings.keys() - session.models.keys():
        raise UsageError(f"--set {min(beyond)}: there is no such model, but {', '.join(session.models)}")
    session.system = with_settings(session.system, own, "word_gap=0.8")
    if set(session.system.models) != set(session.models):
        raise UsageError("--set recognizers: it is the number of those that stand behind the detector; name them there")
    if args.orientation:
        session.system = dataclasses.replace(session.system, orientation=args.orientation)
    return session, words, places


def _models(words):
    """{model: the word that names it}: a detector, a recognizer, and what models stand behind these."""
    if len(words) < 2:
        raise UsageError("read needs a DETECTOR, a RECOGNIZER and FILEs, or a folder that --save wrote and FILEs")
    from kerasvision.systems.page_reader import models_of

    count = next((n for n, word in enumerate(words) if n > 1 and not _is_model(word)), len(words))
    return dict(zip(models_of(count - 1), words[:count], strict=True))


def _is_model(word):
    """Whether a path holds a run or what `export` wrote, and no pages."""
    from kerasvision.export.placing import artifact_at

    path = pathlib.Path(word)
    if not path.is_dir():
        return path.is_file() and path.name.endswith(_FILES)
    if (path / "recipe.json").exists():
        return True
    try:
        return bool(artifact_at(path))
    except KerasVisionError:
        return False


def _settings(given):
    """(those of the reader, {model: those of it})."""
    own, settings = [], {}
    for setting in given:
        model, dot, rest = setting.partition(".")
        if dot and _is_name(model):
            settings.setdefault(model, []).append(rest)
        else:
            own.append(setting)
    return own, settings


def _is_name(model):
    return model in _MODELS or model.startswith("recognizer_")


def _of_one_file(path, held, settings):
    """The `Session` of a .tflite or a SavedModel that --save wrote. held: what stands in it."""
    from kerasvision.api import Model, changed
    from kerasvision.core.component import from_json
    from kerasvision.export.reader.saved import opened_saved
    from kerasvision.export.reader_file import opened
    from kerasvision.systems.base import Session

    if pathlib.Path(path).is_dir():
        models = {n: Model(*opened_saved(path, held, n, settings.get(n, []))) for n in _MODELS}
    else:
        models = {
            n: Model(*opened(path, held, n, lambda arch, n=n: changed(arch, settings.get(n, [])))) for n in _MODELS
        }
    return Session(from_json(held["reader"]), models)


def _save(args, session):
    from kerasvision.core.component import to_json
    from kerasvision.export.reader.saved import is_version, saved_reader_in, write_saved_reader
    from kerasvision.export.reader_file import SUFFIX, reader_in, write_reader
    from kerasvision.systems.base import FILE, save_system

    first = args.words[0]
    if pathlib.Path(first, FILE).exists() or reader_in(first) or saved_reader_in(first):
        raise UsageError(f"--save: {args.words[0]} is saved already; copy it")
    if held := [s for s in args.settings if _is_name(s.partition(".")[0]) and "." in s.partition("=")[0]]:
        raise UsageError(f"--save keeps no settings of a model; leave {held[0]} out, and give it when reading")
    models = dict(zip(session.system.models, args.words, strict=False))
    if len(models) > 2 and (args.save.endswith(SUFFIX) or is_version(args.save)):
        raise UsageError(f"--save {args.save}: one file holds one recognizer; save several as a folder")
    if args.save.endswith(SUFFIX):
        write_reader(args.save, to_json(session.system), models)
    elif is_version(args.save):
        write_saved_reader(args.save, to_json(session.system), models)
        if session.system.orientation == "auto":
            print("a SavedModel reads pages as they lie; --orientation 90 saves one that turns them", file=sys.stderr)
    else:
        save_system(session.system, models, args.save)
    print(f"saved: {args.save}", file=sys.stderr)


def _documents(words, may_be_none):
    """Paths of files, in the order given; what is in folders and what globs name, sorted."""
    from kerasvision.data.pages import SUFFIXES

    found = []
    for word in words:
        path = pathlib.Path(word)
        if path.is_dir():
            held = sorted(str(p) for p in path.rglob("*") if p.name.lower().endswith(SUFFIXES))
            if not held:
                raise KerasVisionError(f"{word} holds no page; looked for {', '.join(SUFFIXES)}")
            found += held
        else:
            found += [word] if path.is_file() else sorted(glob.glob(word, recursive=True)) or [word]  # noqa: PTH207
    if not found and not may_be_none:
        raise UsageError("read needs pages: pictures, TIFFs, PDFs, folders or globs behind the models")
    return list(dict.fromkeys(found))


def _check_names(documents, folder, forms):
    """Refuse two documents whose files would have one name, and a PDF that would take the place of one that is read."""
    seen, own = {}, {pathlib.Path(path).resolve() for path in documents}
    for path in documents:
        stem = pathlib.Path(path).stem
        if stem in seen:
            raise UsageError(
                f"{seen[stem]} and {path} would be written to one name, {stem}; read them into two folders (--out)"
            )
        seen[stem] = path
        written = pathlib.Path(folder, f"{stem}.pdf")
        if "pdf" in forms and written.resolve() in own:
            raise UsageError(f"{written} is one of the pages and would be written over; name another folder (--out)")
