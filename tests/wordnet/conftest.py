import pytest

from tests.wordnet import tiny_wordnet


@pytest.fixture(scope="session")
def wordnet_folder(tmp_path_factory):
    """The folder of a WordNet of a few synsets."""
    return tiny_wordnet.write(tmp_path_factory.mktemp("wordnet"), tiny_wordnet.SYNSETS, tiny_wordnet.EXCEPTIONS)
