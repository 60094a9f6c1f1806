"""`kerasvision launch --workers N -- train ...`: a local cluster of MultiWorkerMirroredStrategy workers."""

import contextlib
import datetime
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from kerasvision.core.errors import KerasVisionError, UsageError

HELP = "run a command as N workers of one local cluster (multi_worker strategy)"
GRACE = 5.0  # seconds for the others to end by themselves once one has
LAST_WORDS = 2000  # characters shown of what a silent worker wrote


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument(
        "command", nargs="+", metavar="-- VERB ...", help="a kerasvision command, such as: train RECIPE.py"
    )


def run(args):
    """Start the workers, show the first one's output, stop all when one fails. Returns the first failure's code."""
    if args.workers < 1:
        raise UsageError(f"--workers {args.workers}: allowed: 1 or more")
    command = completed(args.command[1:] if args.command[0] == "--" else args.command)
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # leave no worker behind
    with contextlib.ExitStack() as open_files:
        logs = [None, *(open_files.enter_context(tempfile.TemporaryFile()) for _ in range(args.workers - 1))]
        workers = [_start(command, c, log) for c, log in zip(cluster(args.workers), logs, strict=True)]
        try:
            return _explain(*_wait(workers), logs)
        except KeyboardInterrupt:  # the terminal has told the workers too
            _until(workers, GRACE, all)
            raise
        finally:
            _stop(workers)
            signal.signal(signal.SIGTERM, before)


def completed(command):
    """The workers' command: `train` gets the strategy, and one run folder for all where none is named."""
    if command[0] != "train":
        return command
    if not any(c.split("=")[0] == "--strategy" for c in command):
        command = [*command, "--strategy", "multi_worker"]
    if not any(c.split("=")[0] == "--out" for c in command):
        name = pathlib.Path(command[1]).stem if len(command) > 1 else "run"
        command = [*command, "--out", f"runs/{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"]
    return command


def cluster(workers):
    """One TF_CONFIG a worker, on free loopback ports."""
    sockets = [socket.socket() for _ in range(workers)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    hosts = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return [json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": i}}) for i in range(workers)]


def _start(command, config, log):
    """log: a file for everything a worker writes, which would otherwise be the same lines N times; None: show it."""
    environment = os.environ | {"TF_CONFIG": config}
    output = {} if log is None else {"stdout": log, "stderr": log}
    return subprocess.Popen([sys.executable, "-m", "kerasvision", *command], env=environment, **output)


def _until(workers, seconds, some):
    """Wait until any or all of the workers have ended (`some`), or so long. seconds: None for ever."""
    end = None if seconds is None else time.monotonic() + seconds
    while not some(w.poll() is not None for w in workers):
        if end is not None and time.monotonic() > end:
            return
        time.sleep(0.1)


def _wait(workers):
    """(worker, exit code) of the first one that failed, or (0, 0) once all are done."""
    running = list(workers)
    while running:
        _until(running, None, any)
        failed = [i for i, w in enumerate(workers) if w.returncode]
        if failed:
            _until(workers, GRACE, all)  # for the first worker to say what it met
            return failed[0], workers[failed[0]].returncode
        running = [w for w in workers if w.returncode is None]
    return 0, 0


def _explain(index, code, logs):
    """The exit code of the whole. A worker that died of a signal could not say so, the others were not heard."""
    if code < 0:
        name = signal.Signals(-code).name
        raise KerasVisionError(f"worker {index} was ended by {name}; start all workers again with --resume")
    if code and index:
        logs[index].seek(0)
        print(logs[index].read().decode(errors="replace")[-LAST_WORDS:], file=sys.stderr)
    return code


def _stop(workers):
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    _until(workers, GRACE, all)
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
