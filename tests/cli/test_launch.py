"""`launch`: the workers' commands, clusters, output and ends. Training by workers is tests/train/test_workers.py."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from kerasvision.cli import launch
from kerasvision.cli.launch import cluster, completed
from kerasvision.cli.main import main
from tests.waiting import HANG

# stands in for `python -m kerasvision`: says who it is, then does what its first word says
WORKER = """
import json, os, signal, sys, time
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("worker", index, *sys.argv[1:], flush=True)
what = sys.argv[1 + index] if len(sys.argv) > 1 + index else "done"
if what == "sleep": time.sleep(3600); open(__file__ + ".woke", "a")
if what == "kill": os.kill(os.getpid(), signal.SIGKILL)
if what.startswith("fail"): print("reason of", index, file=sys.stderr); sys.exit(int(what[4:]))
"""


@pytest.fixture
def workers(tmp_path, monkeypatch):
    """`launch` starts WORKER in place of the product, and does not wait long."""
    path = tmp_path / "worker.py"
    path.write_text(WORKER)

    def start(command, config, log):
        output = {} if log is None else {"stdout": log, "stderr": log}
        environment = os.environ | {"TF_CONFIG": config}
        return subprocess.Popen([sys.executable, str(path), *command], env=environment, **output)

    monkeypatch.setattr(launch, "_start", start)
    monkeypatch.setattr(launch, "GRACE", 0.5)


def test_a_cluster_has_one_address_a_worker():
    configs = [json.loads(c) for c in cluster(3)]
    assert [c["task"] for c in configs] == [{"type": "worker", "index": i} for i in range(3)]
    hosts = configs[0]["cluster"]["worker"]
    assert all(c["cluster"] == {"worker": hosts} for c in configs)
    assert len(set(hosts)) == 3
    assert all(h.startswith("127.0.0.1:") and int(h.split(":")[1]) > 1023 for h in hosts)


def test_train_gets_the_strategy_and_one_folder_for_all():
    seen = completed(["train", "some/recipe.py"])
    assert seen[:4] == ["train", "some/recipe.py", "--strategy", "multi_worker"]
    assert seen[4] == "--out"
    assert seen[5].startswith("runs/recipe-")
    given = ["train", "r.py", "--strategy=mirrored", "--out", "x"]
    assert completed(given) == given
    assert completed(["names"]) == ["names"]


def test_the_first_worker_is_heard(workers, capfd):
    assert main(["launch", "--workers", "3", "--", "done", "done"]) == 0
    assert capfd.readouterr().out == "worker 0 done done\n"


def test_the_real_command_is_run(capfd):
    assert main(["launch", "--workers", "2", "--", "names", "optimizers/*"]) == 0
    assert capfd.readouterr().out.splitlines() == ["optimizers/adamw", "optimizers/lars", "optimizers/sgd"]


@pytest.mark.parametrize(
    ("ends", "code", "says"),
    [
        (("sleep", "kill"), 1, "kerasvision: worker 1 was ended by SIGKILL; start all workers again with --resume"),
        (("kill", "sleep"), 1, "kerasvision: worker 0 was ended by SIGKILL; start all workers again with --resume"),
        (("fail3", "sleep"), 3, "reason of 0"),
        (("sleep", "fail3"), 3, "reason of 1"),
    ],
)
def test_one_that_ends_ends_all_promptly(workers, capfd, tmp_path, ends, code, says):
    assert main(["launch", "--workers", "2", "--", *ends]) == code
    assert not (tmp_path / "worker.py.woke").exists(), "the others were waited for"
    assert says in capfd.readouterr().err.splitlines()


# `launch` in a process of its own, with the worker of the first argument
LAUNCHER = """
import os, subprocess, sys
from kerasvision.cli import launch
from kerasvision.cli.main import main
def start(command, config, log):
    return subprocess.Popen([sys.executable, sys.argv[1], *command], env=os.environ | {"TF_CONFIG": config}, stdout=log)
launch.GRACE, launch._start = 0.5, start
sys.exit(main(["launch", "--workers", "2", "--", "sleep", "sleep"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.usefixtures("interruptible")
def test_no_worker_is_left_behind(tmp_path, number, code):
    """The signal goes to `launch` alone, as from a supervisor; its workers end with it."""
    worker, pids = tmp_path / "worker.py", tmp_path / "worker.py.pids"
    worker.write_text("import os\nopen(__file__ + '.pids', 'a').write(f'{os.getpid()} ')\n" + WORKER)
    process = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(worker)], stderr=subprocess.DEVNULL)
    while not pids.exists() or len(pids.read_text().split()) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=HANG) == code
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_count_that_is_no_count_is_wrong_usage(count, capsys):
    assert main(["launch", f"--workers={count}", "--", "names"]) == 2
    assert capsys.readouterr().err == f"kerasvision: --workers {count}: allowed: 1 or more\n"
