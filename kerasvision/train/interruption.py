"""What ends a `fit` early, each said in one line, and where the next run goes on."""

import contextlib
import errno
import pathlib

import tensorflow as tf

from kerasvision.core.errors import KerasVisionError, said

BACKUP_STEPS = 500  # an epoch longer than this is backed up on the way
_DISK = {
    errno.ENOSPC: "no space left on device",
    errno.EDQUOT: "disk quota exceeded",
    errno.EROFS: "read-only file system",
    errno.EACCES: "permission denied",
    errno.EPERM: "operation not permitted",
}
# what the others meet when a worker has died
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


def start_step(backup, steps_per_epoch):
    """Steps behind the backup in this folder; 0 without one. Keras restores the weights, this places the data."""
    checkpoint = tf.train.latest_checkpoint(str(pathlib.Path(backup) / "chief"))
    if checkpoint is None:
        return 0
    reader = tf.train.load_checkpoint(checkpoint)
    epoch, batch = (
        int(reader.get_tensor(f"ckpt_saved_{what}/.ATTRIBUTES/VARIABLE_VALUE")) for what in ("epoch", "batch")
    )
    whole = steps_per_epoch <= BACKUP_STEPS  # then it was written after the epoch
    return (epoch + 1) * steps_per_epoch if whole else epoch * steps_per_epoch + batch + 1


class DivergedError(KerasVisionError):
    """The loss is not finite."""


@contextlib.contextmanager
def explained_fit(learner, run, number, steps_per_epoch, best_weights):
    """Around one `fit`: an interruption, a loss that is not finite or a lost worker become one clear line.

    run: folder; number: of the phase; best_weights: path of the best weights so far, if there are any.
    """

    def resume():
        step = start_step(run / f"phase-{number}" / "backup", steps_per_epoch)
        return f"go on from step {step} with --resume --out {run}"

    try:
        yield
    except KeyboardInterrupt:
        raise KerasVisionError(f"stopped at step {_steps(learner)} of phase {number}; {resume()}") from None
    except tf.errors.InvalidArgumentError as error:
        if line := said(error):
            raise KerasVisionError(line) from None
        if "the loss" not in str(error):
            raise
        step = _steps(learner) + 1
        where = f"step {step} of phase {number} (epoch {(step - 1) // steps_per_epoch + 1})"
        kept = f"the best weights so far are in {best_weights}; " if best_weights.exists() else ""
        raise DivergedError(
            f"the loss became NaN or infinite at {where}; {kept}try a smaller optimizer.learning_rate or "
            "optimizer.clip_norm=1"
        ) from None
    except _LOST as error:
        met = type(error).__name__
        raise KerasVisionError(f"another worker is gone ({met}); start all workers again, to {resume()}") from None


def _steps(learner):
    return int(learner.optimizer.iterations.numpy())


@contextlib.contextmanager
def explained_disk(folder):
    """Around everything that writes into a run folder: a full or read-only disk becomes one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise KerasVisionError(_full(folder, _DISK[error.errno])) from error
    except tf.errors.OpError as error:  # TensorFlow's own writers, of checkpoints and summaries
        reason = next((name for name in _DISK.values() if name in str(error).lower()), None)
        if reason is None:
            raise
        raise KerasVisionError(_full(folder, reason)) from error


def _full(folder, reason):
    return f"cannot write to {folder}: {reason}; make room and go on with --resume, or choose another --out"
