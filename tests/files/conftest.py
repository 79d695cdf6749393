import pytest


@pytest.fixture
def written(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return write
