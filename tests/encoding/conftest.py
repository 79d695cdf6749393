import pytest

from st_relbert import RelBERT


@pytest.fixture
def model(encoders):
    """A new model for each test, because many watch or replace its `encode`."""
    return RelBERT(encoders["wordpiece"], template="short")
