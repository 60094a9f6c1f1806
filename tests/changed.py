"""`pytest --changed [REF]`: the test files that reach what was changed since a commit. For people; the gate runs all.

What a file depends on is read from its text (`imports.py`), so a test that finds a part by a name put together at run
time may be missed.
"""

import collections
import subprocess

import pytest

from tests.imports import Sources, is_test

EVERYTHING = ("setup.cfg",)  # what pytest runs with, and the packages beneath


class Changed:
    """A plugin: leaves out the test files that reach no changed file, and says why the others are there."""

    def __init__(self, config, ref):
        self._root, self._ref = config.rootpath, ref
        if hasattr(config, "workerinput"):  # whoever starts the workers has looked, and tells
            self.why = config.workerinput["changed"]
            return
        self._changed = changed_since(ref, config.rootpath)
        sources = Sources(config.rootpath, _git(config.rootpath, "ls-files", "--", ":!*.py"))
        self._every = len(sources.tests)
        self.why = reached(sources.graph(), self._changed)

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist
    def pytest_configure_node(self, node):
        node.workerinput["changed"] = self.why

    def pytest_ignore_collect(self, collection_path):
        """Only a word against: what is not ours to say is left to others (None)."""
        path = collection_path.relative_to(self._root).as_posix()
        return True if is_test(path) and path not in self.why else None

    def pytest_sessionstart(self, session):
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal and not hasattr(session.config, "workerinput"):
            for line in self.lines():
                terminal.write_line(line)

    def lines(self):
        """What is told: how many, each with its chain of files, and which changes no test reaches."""
        yield f"--changed {self._ref}: {len(self.why)} of {self._every} test files reach {len(self._changed)} changes"
        for path, chain in sorted(self.why.items()):
            yield f"  {path}: {' <- '.join(reversed(chain)) or 'changed itself'}"
        idle = self._changed - {chain[-1] for chain in self.why.values() if chain} - set(self.why)
        if idle:
            yield f"  nearest to no test file: {', '.join(sorted(idle))}"


def changed_since(ref, root):
    """Paths below root that differ from the last commit shared with `ref`: committed, edited or new."""
    try:
        base = _git(root, "merge-base", ref, "HEAD")[0]
    except subprocess.CalledProcessError as error:
        words = f"--changed {ref}: git knows no such commit; write --changed=REF, or --changed alone for HEAD"
        raise pytest.UsageError(words) from error
    new = _git(root, "ls-files", "--others", "--exclude-standard")
    return {*_git(root, "diff", "--name-only", "--no-renames", "--relative", base), *new}


def reached(graph, changed):
    """test file -> the shortest chain of files from what it refers to, to the changed one; () where that is itself."""
    users = collections.defaultdict(set)
    for node, targets in graph.items():
        for target in targets:
            users[target].add(node)
    onward = dict.fromkeys(f"{path}::itself" if f"{path}::itself" in graph else path for path in sorted(changed))
    every = [node for node in graph if is_test(node)]
    for path in changed & set(EVERYTHING):
        users[path] |= set(every)
    for path in (path for path in changed if path.endswith("conftest.py")):
        users[f"{path}::itself"] |= {node for node in every if node.startswith(path.removesuffix("conftest.py"))}
    waiting = collections.deque(onward)
    while waiting:
        node = waiting.popleft()
        for user in sorted(users[node] - set(onward)):
            onward[user] = node
            waiting.append(user)
    return {node: _chain(node, onward) for node in every if node in onward}


def _chain(node, onward):
    chain = [node]
    while (node := onward[node]) is not None:
        if (path := node.removesuffix("::itself")) != chain[-1]:
            chain.append(path)
    return tuple(chain[1:])


def _git(root, *words):
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
