"""The layouts, each in turn, and their small copies."""

import pytest
from small_corpora import LAYOUTS


@pytest.fixture(params=LAYOUTS)
def layout(request):
    """The name of each layout in turn."""
    return request.param


@pytest.fixture
def small(dict_files):
    """Makes the small copy of a layout, with changes; None as a file's content removes it."""

    def make(name, **changes):
        content = LAYOUTS[name] | changes.pop("files", {})
        return dict_files({path: data for path, data in content.items() if data is not None})

    return make
