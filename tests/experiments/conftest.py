"""Studies and searches train many runs, whose pictures nobody looks at here."""

import pytest


@pytest.fixture(scope="package", autouse=True)
def _nothing_is_drawn():
    from tests.undrawn import nothing_is_drawn

    with nothing_is_drawn():
        yield
