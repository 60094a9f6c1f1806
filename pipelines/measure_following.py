"""How well a run of `follow_moving.py` follows objects through films that it has never seen, beside an untrained one.

Shows: `systems/follow` in a closed loop: the network is told a box in the first frame, and nothing after it.
Commands: python pipelines/prepare_stamps.py --out data/stamps
          kerasvision train pipelines/follow_moving.py --out runs/follow
          python pipelines/measure_following.py runs/follow
Measured on 2 cores (AVX-512 (AMD EPYC), shared with other work), one run, 10 films of 50 frames a kind: success AUC
(mean overlap), precision at 20 px, F1 of presence, and the share of frames without the object in which nothing is said
to be there (few of the first two kinds are such):

    plain                  untrained    0.058   0.098   0.999   0.000
    plain                  trained      0.498   0.967   0.999   0.000
    with twins             untrained    0.042   0.061   0.987   0.000
    with twins             trained      0.474   0.881   0.986   0.000
    hidden, out and back   untrained    0.043   0.057   0.942   0.000
    hidden, out and back   trained      0.387   0.755   0.960   0.389

It follows what it has never seen, and is coarse: 20 px are half of an object here. Of an object that is gone it is
often said to be there. Weights of the untrained one are drawn anew each time. What memory, slow sizes, the window about
the last place and distractors do (`--parts`) was not measured yet.
"""

import argparse
import dataclasses

import numpy as np

from kerasvision.api import Model, ServedRunner
from kerasvision.inference.served import Served
from kerasvision.metrics.following import Following
from kerasvision.systems.base import Session
from kerasvision.systems.follow import Follow
from kerasvision.train.run import load_run

KINDS = {  # of films: what is changed in the recipe's source
    "plain": {"exits": 0.0, "twins": 0.0, "occluders": (0, 0), "objects": (1, 1)},
    "with twins": {"exits": 0.0, "twins": 1.0, "occluders": (0, 0), "objects": (3, 3)},
    "hidden, out and back": {"exits": 1.0, "twins": 0.0, "occluders": (1, 2), "objects": (2, 3)},
}

PARTS = {  # of what is trained already -> settings
    "no new looks": {"rate": 0.0},
    "sizes at once": {"size_rate": 1.0},
    "place does not count": {"centered": 0.0},
    "distractors": {"distractor_weight": 0.5},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--films", type=int, default=10, help="of each kind")
    parser.add_argument("--frames", type=int, default=50, help="of each film, 25 a second")
    parser.add_argument("--parts", action="store_true", help="the trained one also without a part, and with one more")
    args = parser.parse_args()
    trained = load_run(args.run)
    arch, classes = trained.arch, trained.classes
    networks = {
        "untrained": Model(arch, classes, ServedRunner(Served(arch, arch.build(), classes))),
        "trained": Model(arch, classes, ServedRunner(trained.served())),
    }
    if args.parts:
        for name, settings in PARTS.items():
            served = Served(dataclasses.replace(arch, **settings), trained.graph, classes)
            networks[name] = Model(served.arch, classes, ServedRunner(served))
    for kind, fields in KINDS.items():
        films = (0, 0, args.films)
        source = dataclasses.replace(trained.recipe.data, give="frames", films=(1, *films[1:]), **fields)
        judges = {name: Following() for name in networks}
        for number in range(args.films):
            followed(source, number, args.frames, networks, judges)
        for name, judge in judges.items():
            print(f"{kind:22} {name:20} {in_words(judge.result())}", flush=True)


def followed(source, number, frames, networks, judges):
    """One film, by every network: judges see all frames but the first."""
    film = source.film("test", number)
    first, target = beginning(film)
    sessions = {name: Session(Follow(), {"follower": model}) for name, model in networks.items()}
    for at in range(first, first + frames):
        image, seen = film.frame(at)
        h, w = source.image_size
        box = np.clip(seen.boxes_xyxy[target], 0, [w, h, w, h])
        inputs = {"time": at / source.rate, "image": image} | ({"box_xyxy": box} if at == first else {})
        there = seen.occlusion[target] <= source.max_occlusion
        for name, session in sessions.items():
            answer = session.step(inputs)
            if at > first:
                true = {"box_xyxy": box[None], "present": np.array([there]), "sequence": [number]}
                judges[name].update({k: answer[k][None] for k in ("box_xyxy", "present")}, true)


def beginning(film):
    """(frame, object, from 0): the first frame of twenty in which an object is seen whole, or that of the best seen."""
    best = (2.0, 0, 0)
    for frame in range(20):
        hidden = film.seen(frame).occlusion
        best = min(best, (float(hidden.min()), frame, int(hidden.argmin())))
        if best[0] < 0.05:
            break
    return best[1:]


def in_words(figures):
    return "  ".join(f"{name} {'-' if value is None else format(value, '.3f')}" for name, value in figures.items())


if __name__ == "__main__":
    main()
