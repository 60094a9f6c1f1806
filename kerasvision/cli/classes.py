"""`kerasvision classes build|add|episodes`: a classifier out of a few pictures of each class, without training."""

import pathlib
import sys

from kerasvision.cli.recipes import add_settings

HELP = "make a classifier of a few pictures a class in seconds, and add classes to it"


def configure(parser):
    """Add the verb's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="build|add|episodes", required=True)
    text = "know classes by an embedder and a folder of pictures each; no training"
    building = actions.add_parser("build", help=text, description=text)
    building.add_argument("folder", metavar="FOLDER", help="a folder with a folder of pictures a class")
    building.add_argument("--model", metavar="RUN", help="the run of an embedder (default: an ImageNet backbone)")
    building.add_argument("--out", required=True, metavar="RUN", help="a new run folder")
    text = "know classes by their pictures, or by the words of their folders' names, of a model of pictures and words"
    building.add_argument("--by", choices=("pictures", "words"), default="pictures", help=text)
    text = "with --by words, what a name is written into: 'a photo of a {}'; of several their mean counts"
    building.add_argument("--template", action="append", default=[], metavar="TEXT", help=text)
    add_settings(building)
    text = "add classes to what build made; all other scores stay as they are, bit for bit"
    adding = actions.add_parser("add", help=text, description=text)
    adding.add_argument("changed", metavar="RUN")
    adding.add_argument("folders", nargs="+", metavar="CLASS", help="a folder of pictures; its name is the class")
    text = "how well an embedder tells classes apart by a few pictures: N ways, K shots, many draws"
    drawing = actions.add_parser("episodes", help=text, description=text)
    drawing.add_argument("folder", metavar="FOLDER", help="a folder with a folder of pictures a class")
    drawing.add_argument("--model", required=True, help="RUN, SAVED_MODEL, FILE.tflite or FILE.onnx of an embedder")
    drawing.add_argument("--ways", type=int, default=5, metavar="N", help="classes of a draw (default: 5)")
    drawing.add_argument("--shots", type=int, default=1, metavar="K", help="pictures of each (default: 1)")
    drawing.add_argument("--episodes", type=int, default=200, metavar="E", help="draws (default: 200)")


def run(args):
    """Do what the action says."""
    return {"build": _build, "add": _add, "episodes": _episodes}[args.action](args)


def _build(args):
    from kerasvision.cli.train import finish
    from kerasvision.core.escaping import file_name
    from kerasvision.core.overrides import override
    from kerasvision.systems import few_examples
    from kerasvision.train.fit import train

    name = file_name(pathlib.Path(args.out).name)
    recipe = few_examples.recipe_for(args.folder, args.model, name, {})
    if args.by == "words" or args.template:
        recipe = _by_words(args, recipe)
    recipe = override(recipe, args.settings)
    trained = train(recipe, args.out)
    arch = trained.arch
    pictures = recipe.data.open().splits["train"].size
    share = few_examples.accepted(arch, pictures)
    known = "by words, and a threshold by" if arch.class_vectors else "by"
    line = f"{args.out}: {arch.num_classes} classes {known} {pictures} pictures; unknown where no score is above"
    taken = f"about {100 * share:.2g} % of other pictures are taken for one, as far as these few can tell"
    print(f"{line} {arch.threshold:.3f}, so that {taken}", file=sys.stderr)
    finish(trained, recipe)
    return 0


def _by_words(args, recipe):
    """The recipe with the vectors of the classes' names."""
    import dataclasses

    from kerasvision.api import load
    from kerasvision.core.errors import UsageError
    from kerasvision.systems import few_examples

    if args.by != "words":
        raise UsageError("--template goes with --by words")
    if not args.model:
        raise UsageError("--by words needs --model RUN, a run of embedding/image_text")
    classes, templates = recipe.data.open().classes, tuple(args.template) or ("{}",)
    vectors = few_examples.vectors_of_names(load(args.model), args.model, classes, templates)
    return dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, class_vectors=vectors))


def _add(args):
    from kerasvision.api import load
    from kerasvision.cli.pictures import pictures_of
    from kerasvision.export.certificate import export
    from kerasvision.systems import few_examples

    model, failed, added = load(args.changed), [], None
    for folder in args.folders:
        name = pathlib.Path(folder).resolve().name
        pictures = [pixels for _, pixels in pictures_of([folder], model, failed)]
        added = few_examples.add(args.changed, name, pictures)
        before = f"{added.taken} of them were taken for another class before"
        print(f"{args.changed}: {name} by {len(pictures)} pictures ({before})", file=sys.stderr)
    if added.trained.recipe.exports:
        export(added.trained, added.trained.recipe.exports, added.trained.folder)
    return 1 if failed else 0


def _episodes(args):
    from kerasvision.api import load
    from kerasvision.cli.pictures import pictures_of
    from kerasvision.systems import few_examples
    from kerasvision.systems.index import embedded

    model, failed, vectors, labels = load(args.model), [], [], []
    for number, folder in enumerate(sorted(p for p in pathlib.Path(args.folder).iterdir() if p.is_dir())):
        for _, pixels in pictures_of([str(folder)], model, failed):
            vectors.append(embedded(model, pixels[None], args.model)[0])
            labels.append(number)
    mean, half, drawn = few_examples.accuracy(vectors, labels, args.ways, args.shots, args.episodes)
    print(f"{args.ways} ways, {args.shots} shots: {mean:.4f} +- {half:.4f} (95 % interval, {drawn} episodes)")
    return 1 if failed else 0
