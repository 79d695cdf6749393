import pytest

from st_relbert import RelBERT


@pytest.fixture
def model(encoders):
    """A model of a test's own: many watch or replace its `encode`."""
    return RelBERT(encoders["wordpiece"], template="short")
