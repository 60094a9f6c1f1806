"""What a file promises is fitted to that file's own scores, for quantization moves them.

Each file is written, asked about the validation split, and written again with the threshold that its own answers need.
"""

import dataclasses
import hashlib
import shutil

import numpy as np

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.pipeline import raw_examples
from kerasvision.inference.evaluation import stacked

SPLIT = "validation"  # on which training fits promises too


def written_with_promises(exporters, job, write, graph, splits):
    """([(exporter, path of its artifact)], their `Promises`). Arguments: as of `Promises`."""
    promises = Promises(write, graph, splits)
    return [(exporter, promises.written(exporter, job)) for exporter in exporters], promises


class Promises:
    """The promises of the files of an export. write: (exporter, job) -> path. graph: the trained Keras model. splits:
    of the data, by name.
    """

    def __init__(self, write, graph, splits):
        self._write, self._graph, self._splits = write, graph, splits
        self._held, self._plain = {}, {}

    def written(self, exporter, job):
        """The path of an exporter's artifact, with a promise of its own where the architecture has one."""
        path, arch = self._write(exporter, job), job.served.arch
        if not arch.promise() or path in self._held:
            return path
        if SPLIT not in self._splits:
            raise KerasVisionError(
                f"nothing was exported: what {arch.registered_name} promises is fitted on a {SPLIT} split, and the "
                "data has none"
            )
        plain = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        answers, is_asking = self._answers(exporter, job, path)
        own = arch.with_promise(*answers)
        self._held[path] = own, own.promise() | {"with_the_trained_model": arch.kept(*answers)}
        if own != arch or is_asking:
            self._plain |= {path: plain} if plain else {}
            self._again(exporter, self.job_of(path, job), path)
        return path

    def _answers(self, exporter, job, path):
        """(what a file says of the validation split, stacked, whether it was written anew for that)."""
        asking, rows = job.served.arch.asking(), raw_examples(self._splits[SPLIT], job.served.arch)
        runner, is_asking = exporter.open(path, asking), False
        if not set(asking.outputs) <= set(
            runner(next(iter(rows))[0])
        ):  # a file that gives the prediction gives nothing beside it
            self._again(exporter, self._job_with(asking, job), path)
            runner, is_asking = exporter.open(path, asking), True
        rows = raw_examples(self._splits[SPLIT], job.served.arch)
        return stacked(asking.evidence(runner(inputs), ground_truth) for inputs, ground_truth, _ in rows), is_asking

    def _again(self, exporter, job, path):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._write(exporter, job)

    def _job_with(self, arch, job):
        return dataclasses.replace(job, served=job.served.of(arch, self._graph))

    def job_of(self, path, job):
        """The `Job` that the file at a path was written for in the end. job: of the export."""
        if path not in self._held:
            return job
        return self._job_with(self._held[path][0], job)

    def plain_sum(self, artifact):
        """The sha256 of an artifact's file as it was with the trained model's threshold."""
        return self._plain.get(artifact.path, artifact.sha256)

    def of(self, path):
        """What the file at a path promises: JSON of its row in contract.json, {} where that is nothing."""
        return self._held[path][1] if path in self._held else {}

    def wrong(self, path, runner, samples):
        """Yields a line unless a file keeps to its own threshold. samples: serving inputs of a few examples."""
        if path not in self._held:
            return
        for sample in samples:
            answer = runner(sample)
            for key, value in self._held[path][0].promised(answer).items():
                if key not in answer or not _alike(value, answer[key]):
                    yield f"decides {key} otherwise than the threshold that was fitted to it"
                    return


def _alike(value, other):
    """But for rounding, which of a corner near 0 is that of the numbers it was computed from, as large as the image."""
    return np.allclose(value, other, rtol=1e-4, atol=1e-6 * max(1.0, np.abs(value).max(initial=0.0)))
