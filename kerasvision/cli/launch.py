"""`kerasvision launch --workers N -- train ...`: a local cluster of MultiWorkerMirroredStrategy workers."""

import json
import os
import socket
import subprocess
import sys
import time

from kerasvision.core.errors import UsageError

HELP = "run a command as N workers of one local cluster (multi_worker strategy)"


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
    command = args.command[1:] if args.command[0] == "--" else args.command
    if command[0] == "train" and "--strategy" not in command:
        command = [*command, "--strategy", "multi_worker"]
    workers = [_start(command, config, i) for i, config in enumerate(cluster(args.workers))]
    try:
        return _wait(workers)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.terminate()
        for worker in workers:
            worker.wait()


def cluster(workers):
    """One TF_CONFIG a worker, on free loopback ports."""
    sockets = [socket.socket() for _ in range(workers)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    hosts = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return [json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": i}}) for i in range(workers)]


def _start(command, config, index):
    # the workers would otherwise print the same lines N times over
    quiet = {} if index == 0 else {"stdout": subprocess.DEVNULL}
    environment = os.environ | {"TF_CONFIG": config}
    return subprocess.Popen([sys.executable, "-m", "kerasvision", *command], env=environment, **quiet)


def _wait(workers):
    while True:
        codes = [w.poll() for w in workers]
        failed = [c for c in codes if c]
        if failed:
            return failed[0] if failed[0] > 0 else 1
        if all(c == 0 for c in codes):
            return 0
        time.sleep(0.2)
