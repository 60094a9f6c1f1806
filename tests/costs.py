"""What tests cost in processor time: measured as they run, told by folder, kept in `costs.json`, used for their order.

`pytest --record-costs` writes `costs.json` anew from the run. Groups that cost most start first, so that no worker
ends with the longest one; what is not in the file counts as dear, since nobody knows.
"""

import collections
import gc
import json
import os
import pathlib
import resource

import pytest

PATH = pathlib.Path(__file__).with_name("costs.json")
UNKNOWN = 30.0  # seconds that a group without a record is taken for
PROPERTY = "processor_seconds"
WORTH_COLLECTING = 2.0  # seconds: a test of more has left graphs behind


def recorded():
    """group -> processor seconds, of the last recorded run."""
    return json.loads(PATH.read_text()) if PATH.exists() else {}


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
        self._mark = self._began = _spent()

    def pytest_runtest_logstart(self):
        self._mark = self._began = _spent()

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

            keras.backend.clear_session()
            gc.collect()
        elif _spent() - self._began > WORTH_COLLECTING:
            gc.collect()

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
            rounded = {name: round(seconds, 1) for name, seconds in sorted(self._by_group.items())}
            PATH.write_text(json.dumps(rounded, indent=1) + "\n")


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


def _resident_mb():
    statm = pathlib.Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20 if statm.exists() else 0
