"""What README.md, docs/state.md and docs/replicas.md tell people to type: sandboxes, checkpoints, copies, pools and images, by hand."""

import pytest

from typed_pages import REPLICAS, STATE, type_all


@pytest.mark.parametrize("page", ("README.md", STATE, REPLICAS))
def test_a_page(fleet, api, as_before, shell, page):
    type_all(page, fleet, api, shell)
