"""Flags of batches, of the queue and of the deadline, TensorFlow Serving's batching.config, and both in /metrics."""

import dataclasses
import re

import pytest

from kerasvision.cli.main import main
from kerasvision.core.errors import UsageError
from kerasvision.export.package import deployment
from kerasvision.serve import server as of_server
from kerasvision.serve.limits import Limits, limits_of
from kerasvision.serve.models import ModelConfig
from kerasvision.serve.server import Server
from tests.serve.conftest import QUIET, Client, save_affine

WORDS = ["--engine", "embedded", "--rest-api-port", "0", "--port", "0"]


class Begun(Exception):
    """Raised in place of a server that would run. options: its own."""


@pytest.fixture
def options(tmp_path, monkeypatch):
    """A function: words of the command line -> the options that a server is made with."""
    (tmp_path / "saved_models" / "m" / "1").mkdir(parents=True)
    (tmp_path / "saved_models" / "m" / "1" / "saved_model.pb").touch()

    def begin(configs, options, base):
        raise Begun(options)

    def of(*words):
        with pytest.raises(Begun) as begun:
            main(["serve", str(tmp_path / "saved_models"), *WORDS, *words])
        return begun.value.args[0]

    monkeypatch.setattr(of_server, "Server", begin)
    return of


def test_without_flags_all_is_as_it_was(options):
    assert options().limits == Limits(32, 256, 2, 30.0, 0.0, ()) == Limits()


def test_the_file_that_an_export_writes_is_read_and_flags_count_before_it(options, tmp_path):
    """The same text that TensorFlow Serving takes; its queue is counted in batches, ours in examples."""
    file = tmp_path / "batching.config"
    file.write_text(deployment.BATCHING)
    read = Limits(largest=32, bound=8 * 32, workers=2, deadline=30.0, wait=0.001)
    assert options("--batching-parameters-file", str(file)).limits == read
    words = ["--max-batch-size", "16", "--batch-timeout-micros", "0", "--deadline", "2.5"]
    told = options("--batching-parameters-file", str(file), *words).limits
    assert told == dataclasses.replace(read, largest=16, bound=8 * 16, deadline=2.5, wait=0.0)
    words = ["--max-enqueued-batches", "3", "--num-batch-threads", "5", "--allowed-batch-sizes", "1,4,32"]
    assert options(*words).limits == Limits(32, 96, 5, sizes=(1, 4, 32))


def test_the_file_as_others_write_it(tmp_path):
    """Text that is in use with TensorFlow Serving: wrapped numbers, comments, lists in both forms."""
    file = tmp_path / "batching.txt"
    file.write_text(
        "# of a GPU\nmax_batch_size { value: 128 }\nbatch_timeout_micros { value: 2000 }\n"
        'thread_pool_name { value: "batches" }\nallowed_batch_sizes: 32\nallowed_batch_sizes: [64, 128]\n'
        "pad_variable_length_inputs: false\n"
    )
    assert limits_of({}, file) == Limits(128, 8 * 128, 2, wait=0.002, sizes=(32, 64, 128))


WRONG = {
    ("--max-enqueued-batches", "0"): "--max-enqueued-batches 0: allowed: 1 and above; none could wait",
    ("--max-batch-size", "0"): "--max-batch-size 0: allowed: 1 and above",
    ("--num-batch-threads", "0"): "--num-batch-threads 0: allowed: 1 to 1024",
    ("--num-batch-threads", "1025"): "--num-batch-threads 1025: allowed: 1 to 1024",
    ("--batch-timeout-micros", "-1"): "--batch-timeout-micros -1: allowed: 0 and above",
    ("--deadline", "0"): "--deadline 0: allowed: seconds, more than 0",
    ("--deadline", "nan"): "--deadline nan: allowed: seconds, more than 0",
    ("--deadline", "0.5", "--batch-timeout-micros", "500000"): "allowed: more than the 0.5 seconds that a request may",
    ("--allowed-batch-sizes", "8,4,32"): "--allowed-batch-sizes 8,4,32: allowed: rising numbers from 1 on",
    ("--allowed-batch-sizes", "0,32"): "--allowed-batch-sizes 0,32: allowed: rising numbers from 1 on",
    ("--allowed-batch-sizes", "1,8"): "--allowed-batch-sizes 1,8: the last one must be max_batch_size, which is 32",
    ("--allowed-batch-sizes", "1;8"): "allowed: numbers with commas between them, such as 1,8,32",
    ("--batching-parameters-file", "none.config"): "none.config cannot be read: No such file",
}


def test_flags_that_tensorflow_serving_lacks_are_the_embedded_server_s(capsys):
    for words in (["--deadline", "3"], ["--max-batch-size", "8"], ["--allowed-batch-sizes", "1,32"]):
        assert main(["serve", "--engine", "tensorflow_serving", *words]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "but takes --batching-parameters-file" in said


@pytest.mark.parametrize("words", WRONG)
def test_wrong_flags_are_one_line(capsys, words):
    assert main(["serve", *WORDS, *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and WRONG[words] in said


FILES = {
    "max_batch { value: 3 }": 'no field named "max_batch"; allowed: max_batch_size, batch_timeout_micros',
    "max_batch_size: 3": "is no batching.config: 1:1",
    "max_batch_size { value: 3": "is no batching.config: 1:",
    "max_enqueued_batches { value: 0 }": "max_enqueued_batches 0: allowed: 1 and above; none could wait",
    "batch_timeout_micros { value: 30000000 }": "--deadline 30: allowed: more than the 30 seconds",
    "allowed_batch_sizes: 4": "allowed_batch_sizes 4: the last one must be max_batch_size, which is 32",
    "pad_variable_length_inputs: true": "allowed: false; the embedded server joins inputs of one shape alone",
}


@pytest.mark.parametrize("text", FILES)
def test_a_wrong_file_is_one_line(tmp_path, text):
    (tmp_path / "batching.config").write_text(text)
    with pytest.raises(UsageError) as caught:
        limits_of({}, tmp_path / "batching.config")
    assert str(tmp_path / "batching.config") in str(caught.value) or text.startswith("batch_timeout")
    assert FILES[text] in str(caught.value) and "\n" not in str(caught.value)


def test_a_deadline_just_above_the_wait_is_taken():
    assert limits_of({"batch_timeout_micros": 500_000}, deadline=0.51).wait == 0.5


def test_a_file_of_other_bytes_is_one_line(tmp_path):
    (tmp_path / "batching.config").write_bytes(b"# \xe9")
    with pytest.raises(UsageError, match="is no batching.config: byte 2 is not UTF-8"):
        limits_of({}, tmp_path / "batching.config")


def test_both_pages_of_metrics_say_limits_and_queues_of_each_version(tmp_path):
    for number in (1, 2):
        save_affine(tmp_path / "m" / str(number), 1.0, float(number))
    limits = limits_of({"max_batch_size": 4, "max_enqueued_batches": 2, "allowed_batch_sizes": (2, 4)}, deadline=7.0)
    options = dataclasses.replace(QUIET, limits=limits)
    server = Server([ModelConfig("m", str(tmp_path / "m"), "all")], options, tmp_path).start()
    try:
        client = Client(server.rest_port)
        for rows in (1, 3):
            assert client.predict("m", {"instances": [0.0] * rows})[1] == {"predictions": [2.0] * rows}
        pages = [client.ask("GET", path)[1] for path in ("/metrics", "/monitoring/prometheus/metrics")]
    finally:
        server.stop()
    said = {
        'batching{parameter="max_batch_size"}': 4,
        'batching{parameter="batch_timeout_micros"}': 0,
        'batching{parameter="max_enqueued_batches"}': 2,
        'batching{parameter="num_batch_threads"}': 2,
        'batching{parameter="deadline_seconds"}': 7,
        'allowed_batch_size{size="2"}': 1,
        'queue_examples{model="m",version="2"}': 0,
        'queue_seconds_count{model="m",version="1"}': 0,
        'queue_seconds_count{model="m",version="2"}': 2,
        'batch_size_count{model="m",version="2"}': 2,
        'batch_size_sum{model="m",version="2"}': 4,  # what was filled up does not count
        'queue_refused_total{model="m",version="2"}': 0,
        'queue_expired_total{model="m",version="1"}': 0,
    }
    for page in pages:
        for name, value in said.items():
            (found,) = re.findall(rf"^kerasvision_{re.escape(name)} (\S+)$", page, re.MULTILINE)
            assert float(found) == value, name
