"""What may be found in data, and how it is said: the same lines in `data check` and before training."""

from kerasvision.data.inspect import duplicates, objects

EXAMPLES = 5  # of a finding, that are named
# kind -> (what was found, what training does with it); a line of `Opened.dropped` begins with its kind
FINDINGS = {
    "unreadable": ("files that cannot be decoded", "training refuses them; --skip-unreadable leaves them out"),
    "copy": ("copies of images that judge", "they do not train, so that the figures stay honest"),
    "not": ("files beside the images", "they are no images by their names"),
    "hidden": ("hidden files and folders", "previews, backups and leftovers are no data"),
    "links": ("links", "a folder is looked at once"),
    "loose": ("images beside the class folders", "they have no class; put each into a class folder"),
    "folders": ("folders beside those that are read", "by their names they are none of these"),
    "splits": ("a guess about names of splits", "rename them where another split is meant"),
    "deep": ("images in folders below their class folder", "they count for the class"),
    "short": ("rows that are cut short", "the missing values are empty"),
    "columns": ("a guess about columns of a table", "name the column where another is meant"),
    "blank": ("rows without a text or a label", "nothing can be learned from them, or judged by them"),
    "brief": ("sounds shorter than least_seconds of the source", "too short to learn from"),
    "rates": ("how many sounds have which rate", "the architecture resamples them to its own"),
    "lengths": ("how long sounds are", "the architecture cuts off what is behind model.seconds"),
    "paths": ("paths with \\", "read as /"),
    "joined": ("labels that look like several", "each is learned as one class"),
    "withheld": ("splits that sources/unseen_classes leaves examples out of", "no class of the test is trained on"),
    "names": ("doubtful names of classes", "each is learned as a class of its own"),
    "boxes": (
        "images with boxes without area, outside or not finite",
        "training refuses them; skip_bad_boxes=True leaves them out",
    ),
    "margins": ("images with boxes that reach beyond them", "clipped to the image"),
    "repeated": ("images with a box that stands there twice", "each counts once"),
    "unlabeled": ("images without a label file", "count as images without objects"),
    **objects.FINDINGS,
    "exif_taken_away": (
        "images with an EXIF orientation, of a source with orientation='stored'",
        "labels and training count on stored pixels; serving applies the tag: serve such files without it",
    ),
    "turned": ("what the labels' own sizes say of EXIF orientations", "as the source's orientation says"),
    "dark_sixteen_bit": (
        "images of 16 bits a channel whose values use 12 bits or fewer",
        "the high 8 bits count, which are black or nearly so; save them as 8 bits, or multiply the values to fill 16",
    ),
    "binary": ("a guess about what 255 means in masks", "it is learned as a class"),
    "ignored": ("a guess about what 255 means in masks", "nothing is learned there, and nothing judged"),
    "rare": ("values that one mask alone holds", "each is a class; is the mask coded otherwise than the rest?"),
    "soft": ("masks of one class with more values than two", "all that is not 0 is the class"),
    "kin": (
        "a validation split that is not independent",
        "the best epoch is chosen on what was trained on",
    ),
    "fonts": ("fonts without a letter of the alphabet", "no line is rendered in them"),
    "tiny": (
        f"images with objects whose shorter side is below {objects.TINY_PX} pixels",
        "they count; few anchors and no phone will find them: leave them out, or cut the images into parts",
    ),
    "long": (
        f"images with objects more than {objects.LONGEST} times as long as wide",
        "they count; see `kerasvision data anchors` for anchors of such shapes",
    ),
    "whole": ("images with an object that covers all of them", "they count; is it a label of the whole image?"),
    "twins": (
        f"images with two boxes of one class that nearly coincide (IoU of {objects.SAME_IOU} or more)",
        "both count, and suppression will give one; remove what was labeled twice",
    ),
    "absent": ("classes without an object in a split that has others", "such a class has no figure there"),
    "empty": ("splits without a single label", "nothing can be learned from one, or judged by it"),
    "unseen": ("classes that no image shows in a split that shows others", "such a class has no figure there"),
    "illegible": ("pictures with texts that nobody could read", "such texts are no ground truth"),
    "quads": ("places that cannot be used", "they are no ground truth; mend them"),
    "wordless": ("pages with places without a text", "they are no lines to learn"),
    "unlearned": (
        "characters of the alphabet that no training line has",
        "they are never learned; give lines with them, or take them out of classes",
    ),
    "two_directions": (
        "lines that mix directions so that they are answered in another order than they are written in",
        "they are learned as they are seen",
    ),
    "contradiction": (
        "groups of images with equal bytes but different labels",
        "training uses all of them; mend the labels",
    ),
    "exact_duplicates": ("groups of images with equal bytes", "each image counts; they are kept in one split"),
    "leak": (
        "groups of images with equal bytes that lie in several splits",
        "the figures on the judging split are too good; remove all but one",
    ),
    "cut": ("texts longer than 256 bytes", "a model looks at model.length of them, 256 unless set"),
    "text_contradiction": ("texts with other labels elsewhere", "training uses all of them; mend the labels"),
    "text_leak": (
        "pairs of nearly equal texts that lie in several splits",
        "the figures may be too good; keep them together with a column group",
    ),
    "near_duplicates": ("groups of nearly equal images", "each image counts"),
    "near_leak": (
        "groups of nearly equal images that lie in several splits",
        "the figures may be too good; keep them together with a manifest and its column group",
    ),
    "exif_orientation": (
        "images with an EXIF orientation",
        "applied in training and serving: labels count on the upright picture; orientation='stored' says otherwise",
    ),
    "grayscale": ("gray images", "the gray value goes into all three channels"),
    "alpha": ("images with transparency", "composited over white"),
    "color_key": ("PNGs with a transparent color", "the color is used as it is stored"),
    "gif_transparency": ("GIFs with transparency", "transparent pixels become black"),
    "cmyk": ("CMYK images", "converted to RGB"),
    "sixteen_bit": ("images of 16 bits a channel", "the high 8 bits count"),
    "animated": ("animations", "the first frame counts"),
}
_ALWAYS_LEFT = {"blank", "brief", "copy", "fonts", "not", "hidden", "links", "loose", "folders"} | objects.LEFT_OUT
_ALWAYS_LEFT |= {"illegible", "quads", "wordless"}
# kinds whose line says how many
_UNCOUNTED = {
    "splits",
    "blank",
    "columns",
    "deep",
    "short",
    "rates",
    "lengths",
    "paths",
    "joined",
    "binary",
    "soft",
    "kin",
    "turned",
    "unlearned",
    "two_directions",
} | objects.UNCOUNTED
_LEFT_ON_REQUEST = {"unreadable": "skip_unreadable", "boxes": "skip_bad_boxes"}  # kind -> field of the source


def finding(kind, found, source):
    """{"kind", "what", "count", "examples", "training", "left_out"}."""
    what, training = FINDINGS[kind]
    asked = _asks(source, _LEFT_ON_REQUEST.get(kind, ""))
    if asked:
        training = f"as {_LEFT_ON_REQUEST[kind]}=True asks for"
    held = {"kind": kind, "what": what, "count": len(found), "examples": found[:EXAMPLES], "training": training}
    return held | {"left_out": bool(asked) or kind in _ALWAYS_LEFT}


def _asks(source, field):
    """Whether a source, or one that it wraps, has a field that is set."""
    return bool(getattr(source, field, False)) or (hasattr(source, "of") and _asks(source.of, field))


def of_lines(lines):
    """Kind -> what the source left out and guessed; a line's first word says the kind."""
    findings = {kind: [] for kind in FINDINGS}
    for line in lines:
        kind = line.replace(":", " ").split()[0]
        findings[kind].append(line.partition(": ")[2])
    return findings


def spelled(found):
    """Two lines a finding; `left out:` stands before what does not train, and before nothing else."""
    more = ", ..." if found["count"] > len(found["examples"]) else ""
    before = "left out: " if found.get("left_out") else ""
    count = "" if found["kind"] in _UNCOUNTED else f"{found['count']} "
    yield f"{before}{count}{found['what']}: {found['training']}"
    yield f"    {', '.join(found['examples'])}{more}"


def told(report):
    """Lines of all findings, and what was looked at, so that nothing found is not nothing looked at."""
    for found in report["findings"]:
        yield from spelled(found)
    held = report["looked_at"]
    what = "texts" if "texts" in held else "images"
    number = held[what]
    of = f" of {held['of']}, evenly chosen; `kerasvision data check` looks at all" if number < held["of"] else ""
    counted = ", ".join(f"{n} {name}" for name, n in held["labels"].items())
    odd = "" if report["findings"] else "nothing odd was found: "
    yield f"{odd}looked at {number} {what}{of} ({counted}) for {', '.join(held['checks'])}"


def checks(keys):
    """What is looked for in samples that have these keys, in words."""
    yield "files that cannot be decoded"
    yield "equal bytes in several splits or with other labels"
    yield f"nearly equal pictures among the first {duplicates.MAX_IMAGES:,}"
    yield "orientation, transparency, gray, CMYK, 16 bits and animation"
    yield "doubtful class names"
    if "boxes_xyxy" in keys:
        yield "boxes that are tiny, long, whole images or twice there"
    if "mask" in keys:
        yield "classes that no mask shows"
