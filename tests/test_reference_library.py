"""The relbert library reads our folders: relbert 2.0.2 in an environment of its own."""

import json
import subprocess
import sys
import venv

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT

PAIRS = [("Tokyo", "Japan"), ("New York City", "café"), ("mother-in-law", "東京"), ("finger", "hand")]

# Its metadata pins numpy and transformers to versions of 2022; the code works with these.
REQUIREMENTS = ["transformers==4.57.1", "pandas", "scikit-learn", "datasets", "tqdm"]

READ = """
import json, sys
import relbert.lm
relbert.lm.internet_connection = lambda: False  # it would query a search engine
folder, pairs, output = json.load(sys.stdin)
model = relbert.lm.RelBERT(folder)
vectors = model.get_embedding([tuple(pair) for pair in pairs])
json.dump([[float(x) for x in vector] for vector in vectors], open(output, "w"))
"""


@pytest.fixture(scope="module")
def reference_python(tmp_path_factory):
    """The interpreter of an environment with the relbert library, made from the package index."""
    folder = tmp_path_factory.mktemp("reference") / "venv"
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"torch=={torch.__version__.split('+')[0]}", *REQUIREMENTS], check=True)
    subprocess.run([*pip, "--no-deps", "setuptools", "relbert==2.0.2"], check=True)
    return python


@pytest.mark.reference
@pytest.mark.parametrize("aggregation", ["average_no_mask", "average", "mask"])
def test_one_folder_three_loaders(reference_python, encoder, tmp_path, aggregation):
    """As in the relbert library: get_embedding, which sums over tokens and so differs by a positive factor."""
    folder, output = str(tmp_path / "model"), tmp_path / "vectors.json"
    model = RelBERT(encoder, template="a", pooling=aggregation)
    model.max_seq_length = 64  # where the relbert library cuts
    model.save_pretrained(folder)
    message = json.dumps([folder, PAIRS, str(output)])
    done = subprocess.run([reference_python, "-c", READ], input=message, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    theirs, ours = np.array(json.loads(output.read_text())), model.encode(PAIRS)
    np.testing.assert_allclose(SentenceTransformer(folder).encode(PAIRS), ours, atol=1e-5)
    scale = np.linalg.norm(theirs, axis=1, keepdims=True) / np.linalg.norm(ours, axis=1, keepdims=True)
    np.testing.assert_allclose(theirs, ours * scale, rtol=1e-4, atol=1e-4)
    assert sys.executable != reference_python
