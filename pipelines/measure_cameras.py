"""How well what is seen by one camera is found again by another, with other light and background: rank-1 and mAP.

Shows: `metrics/reidentification` on cut-outs that no model was trained on, seen three times by each camera: colors
(`--appearance colors` of `kerasvision track`), a pretrained backbone's features about the mean of other cut-outs, and
embedding runs.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          python pipelines/measure_cameras.py --stamps data/stamps [RUN ...]
The second camera has photographs of its own behind the objects, and its light is darker and warmer. Measured on 2 cores
(AVX-512 (AMD EPYC), shared with other work), 50 identities, 150 looks asked among 150, without a run:

                                  rank-1     mAP
    colors                         0.093   0.175
    pretrained, untrained here     0.927   0.852

Histograms of colors follow the light; ImageNet's features do not, and no embedder was trained to compare with them.
"""

import argparse
import csv
import pathlib

import numpy as np
from PIL import Image

from kerasvision import create
from kerasvision.api import Model, ServedRunner, load
from kerasvision.inference.served import Served
from kerasvision.metrics.reidentification import reidentification
from kerasvision.systems.looked import Colors

LOOKS = 3  # of each identity, by each camera
CAST = np.array([0.8, 0.72, 0.62])  # of the second camera's light, red, green and blue
FRAME = (480, 640)  # h, w


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", metavar="RUN", nargs="*", help="of embedding/*")
    parser.add_argument("--stamps", default="data/stamps")
    parser.add_argument("--identities", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    files, backgrounds = material(pathlib.Path(args.stamps), parser)
    if not 2 <= args.identities < len(files):
        parser.error(f"--identities {args.identities}; allowed: 2 to {len(files) - 1}, one less than there are objects")
    rng = np.random.default_rng(args.seed)
    files = [files[n] for n in rng.permutation(len(files))]
    half = len(backgrounds) // 2
    cameras = ((backgrounds[:half], np.ones(3)), (backgrounds[half:], CAST))
    seen = [crops(rng, files[: args.identities], *camera) for camera in cameras]
    others, _ = crops(rng, files[args.identities :], *cameras[0])
    print(f"{'':28}{'rank-1':>8}{'mAP':>8}  of {args.identities} identities")
    for name, make in models(others, args.runs).items():
        found = judged(make(), seen)
        print(f"{name:28}{found['rank-1']:8.3f}{found['mAP']:8.3f}  {found['queries']} looks", flush=True)


def material(home, parser):
    """(a picture of each object, photographs uint8 [480, 640, 3])."""
    table, folder = home / "cutouts.csv", home / "backgrounds"
    if not table.is_file():
        parser.error(f"no {table}; python pipelines/prepare_stamps.py --out {home} writes it")
    with table.open() as file:
        one_each = {row["group"]: home / row["file"] for row in csv.DictReader(file)}
    photographs = sorted(folder.glob("*"))
    if len(photographs) < 2:
        parser.error(f"{folder} has {len(photographs)} photographs; allowed: 2 or more, one a camera")
    return list(one_each.values()), [np.array(Image.open(p).convert("RGB").resize(FRAME[::-1])) for p in photographs]


def models(others, runs):
    """{name: () -> what embeds}. others: pictures of other objects, whose mean the pretrained features are about."""
    held = {"colors": Colors, "pretrained, untrained here": lambda: pretrained(others)}
    return held | {run: lambda run=run: load(run) for run in runs}


def judged(model, seen):
    """Figures of what the second camera has seen, asked among what the first one has."""
    vectors = [np.array([model({"image": crop[None]})["embedding"][0] for crop in part]) for part, _ in seen]
    return reidentification(vectors[1], seen[1][1], vectors[0], seen[0][1])


def crops(rng, files, backgrounds, light):
    """([uint8 [h, w, 3]], whose each is): cut-outs, turned by up to 10 degrees, in boxes that are a little off."""
    held, ids, (height, width) = [], [], FRAME
    for number, path in enumerate(files):
        cutout = Image.open(path).convert("RGBA")
        for _ in range(LOOKS):
            side = rng.integers(70, 120) / max(cutout.size)
            part = cutout.resize([max(8, round(v * side)) for v in cutout.size])
            part = part.rotate(rng.uniform(-10, 10), resample=Image.Resampling.BILINEAR, expand=True)
            scene = Image.fromarray(backgrounds[rng.integers(len(backgrounds))])
            y, x = rng.integers(0, (height - part.height, width - part.width))
            scene.paste(part, (int(x), int(y)), part)
            box = np.array([x, y, x + part.width, y + part.height]) + rng.uniform(-4, 4, 4)
            x1, y1, x2, y2 = np.clip(np.round(box), 0, (width, height) * 2).astype(int)
            held.append(np.clip(np.array(scene)[y1:y2, x1:x2] * light, 0, 255).astype(np.uint8))
            ids.append(number)
    return held, np.array(ids)


def pretrained(pictures):
    """A model of ImageNet's features, about the mean of some pictures."""
    arch = create("embedding/pretrained")
    graph = arch.build()
    arch.load_pretrained(graph)
    prepared = [arch.geometry({"image": picture[None]})[0] for picture in pictures]
    arch.fill(graph, ((each, None) for each in prepared))
    return Model(arch, ("object",), ServedRunner(Served(arch, graph, ("object",))))


if __name__ == "__main__":
    main()
