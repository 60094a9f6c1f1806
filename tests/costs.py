"""What tests cost in processor time: measured as they run, told by folder, kept in `costs.json`, used for their order.

`pytest --record-costs [FILES]` writes what the run has measured into `costs.json`. Groups that cost most start first,
so that no worker ends with the longest one; what is not in the file counts as dear, since nobody knows.
Record on a machine that does nothing else: beside others the same test costs half as much again.
"""

import collections
import contextlib
import ctypes
import gc
import json
import os
import pathlib
import resource

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PATH = pathlib.Path(__file__).with_name("costs.json")
UNKNOWN = 30.0  # seconds that a group without a record is taken for
PROPERTY = "processor_seconds"
ALLOWED = 40.0  # seconds that a test file may cost in the default run
# what costs more today -> seconds that it may cost; entries may only be lowered and taken out
DEAR = {
    "tests/export/test_certificate.py": 65,
    "tests/systems/test_ensemble.py": 80,
}
WORTH_COLLECTING = 2.0  # seconds: a test of more has left graphs behind
LARGE = 1_000, 100  # MB of a worker above which it is looked through, whenever it has grown by so many


def recorded():
    """group -> processor seconds, of the last recorded run."""
    return json.loads(PATH.read_text()) if PATH.exists() else {}


def record(measured):
    """Writes seconds by group into `costs.json`, in place of those of the same files; drops files that have gone."""
    files = {name.split(" ")[0] for name in measured}
    kept = {name: seconds for name, seconds in recorded().items() if name.split(" ")[0] not in files}
    there = [item for item in (kept | measured).items() if (ROOT / item[0].split(" ")[0]).exists()]
    PATH.write_text(json.dumps({name: round(seconds, 1) for name, seconds in sorted(there)}, indent=1) + "\n")


def refuse_parts(config):
    """`UsageError` where a run does not measure whole files by the default marks."""
    words = config.getini("addopts")
    marks = words[words.index("-m") + 1]
    given = config.option
    if given.keyword or given.turn or given.markexpr != marks or any("::" in arg for arg in config.args):
        raise pytest.UsageError("--record-costs measures whole files: leave out -k, -m, --turn and names of tests")


def group_of(nodeid):
    """The name by which costs are kept: the file, or what the worker's group adds to it."""
    _, sign, group = nodeid.rpartition("@")
    return group if sign and group.startswith("tests/") else nodeid.partition("::")[0]


def dearest_first(items, groups):
    """Sorts items in place: by falling cost of their group, then as they were. groups: of each item."""
    known = recorded()
    place = {id(item): number for number, item in enumerate(items)}
    of = dict(zip(map(id, items), groups, strict=True))
    items.sort(key=lambda i: (-known.get(of[id(i)], UNKNOWN), of[id(i)], place[id(i)]))


def _spent():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class Costs:
    """A plugin: adds processor seconds to each report where tests run, and tells their sums where reports arrive."""

    def __init__(self, config, group_of_item):
        self._config, self._group_of = config, group_of_item
        self._by_group, self._largest = collections.Counter(), 0
        self._traced, self._traced_by = contextlib.ExitStack(), None  # around what a group of tests traces
        self._mark = self._began = _spent()
        self._left = 0  # MB after the last look
        if config.getoption("record_costs"):
            refuse_parts(config)

    def pytest_runtest_logstart(self):
        self._mark = self._began = _spent()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if self._traced_by != self._group_of(item):
            from kerasvision.ops.internals import gradients_let_go

            self._traced.enter_context(gradients_let_go())
            self._traced_by = self._group_of(item)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report, now = (yield), _spent()
        report.user_properties.append((PROPERTY, (now - self._mark, _resident_mb())))
        self._mark = now
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item, nextitem):
        """Graphs that nobody uses are let go: TensorFlow copies all functions that it knows whenever it makes another
        one, so whatever is kept makes all that follows slower.
        """
        if nextitem is None or self._group_of(nextitem) != self._group_of(item):
            import tf_keras as keras

            self._traced.close()
            self._traced_by = None
            keras.backend.clear_session()
            gc.collect()
            _trim()
        elif _spent() - self._began > WORTH_COLLECTING:
            gc.collect()
        if _resident_mb() > max(LARGE[0], self._left + LARGE[1]):
            gc.collect()
            _trim()
            self._left = _resident_mb()

    def pytest_runtest_logreport(self, report):
        for seconds, resident in (value for name, value in report.user_properties if name == PROPERTY):
            self._by_group[group_of(report.nodeid)] += seconds
            self._largest = max(self._largest, resident)

    def pytest_terminal_summary(self, terminalreporter):
        if hasattr(self._config, "workerinput") or not self._by_group:
            return
        folders = collections.Counter()
        for group, seconds in self._by_group.items():
            folders["/".join(group.split(" ")[0].split("/")[:2])] += seconds
        rows = [f"{name} {seconds / 60:.1f}" for name, seconds in folders.most_common()]
        terminalreporter.write_sep("=", "processor minutes by folder")
        terminalreporter.write_line(f"{sum(folders.values()) / 60:.1f} in all: {', '.join(rows)}")
        dearest = [f"{name} {seconds:.0f} s" for name, seconds in self._by_group.most_common(10)]
        terminalreporter.write_line(f"dearest: {', '.join(dearest)}; largest worker {self._largest} MB")
        if self._config.getoption("record_costs"):
            record(self._by_group)
        new = [name for name, seconds in self._by_group.items() if seconds > ALLOWED and name not in recorded()]
        if new:
            terminalreporter.write_line(f"not in costs.json and above {ALLOWED:.0f} s: {', '.join(sorted(new))}")


class Turn:
    """A plugin: keeps every N-th group of what the marks left, from the K-th on; groups come by falling cost, so turns
    are about as long as each other."""

    def __init__(self, words, group_of_item):
        turn, _, number = words.partition("/")
        if not (turn.isdigit() and number.isdigit() and 1 <= int(turn) <= int(number)):
            raise pytest.UsageError(f"--turn {words}: K/N with 1 <= K <= N, as in 2/5")
        self._turn, self._number, self._group_of = int(turn), int(number), group_of_item

    @pytest.hookimpl(trylast=True)  # when the marks have had their say
    def pytest_collection_modifyitems(self, config, items):
        order = dict.fromkeys(map(self._group_of, items))
        mine = set(list(order)[self._turn - 1 :: self._number])
        left = [item for item in items if self._group_of(item) not in mine]
        items[:] = [item for item in items if self._group_of(item) in mine]
        config.hook.pytest_deselected(items=left)


def _trim():
    """Memory that is free goes back to the system: glibc keeps what lies between what is still used."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _resident_mb():
    statm = pathlib.Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20 if statm.exists() else 0
