"""Files in an object store: an S3 server on this machine."""

import numpy as np
import pyarrow.parquet
import pytest

from st_relbert.encoding import Workers, encode_files
from st_relbert.files.location import Location, expand
from tests.encoding.writing import cut_short

PAIRS = [(f"word {number}", "x" * (number % 5 + 1)) for number in range(20)]


@pytest.fixture(scope="module")
def server():
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """The name of a file or folder in the store, as a URI."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    query = (
        f"scheme=http&endpoint_override={server}&region=us-east-1&allow_bucket_creation=true&allow_bucket_deletion=true"
    )

    def uri(name):
        return f"s3://pairs/{name}?{query}"

    bucket = Location.of(uri(""))
    bucket.filesystem.create_dir(bucket.path)
    yield uri
    Location.of(uri("")).remove()


def read(uri):
    place = Location.of(uri)
    table = pyarrow.parquet.read_table(place.path, filesystem=place.filesystem)
    return list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)), table["vector"].to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize(("output", "engine"), [("out.parquet", "one"), ("out", "one"), ("out", "ray")])
def test_files_are_read_from_and_written_to_a_store(model, bucket, output, engine):
    if engine == "ray":
        pytest.importorskip("ray")
    for name, rows in (("in/a.csv", PAIRS[:9]), ("in/b.csv", PAIRS[9:])):
        Location.of(bucket(name)).write_text("head,tail\n" + "".join(f"{head},{tail}\n" for head, tail in rows))
    assert expand(bucket("in/*.csv")) == [bucket("in/a.csv"), bucket("in/b.csv")]
    cut_short(model, bucket("in/*.csv"), bucket(output), after=2, block_rows=6)
    settings = {"engine": engine, "workers": Workers(2 if engine == "ray" else None), "block_rows": 6}
    total = encode_files(model, bucket("in/*.csv"), bucket(output), show_progress_bar=False, **settings)
    pairs, vectors = read(bucket(output))
    assert total == len(PAIRS) and pairs == PAIRS
    np.testing.assert_allclose(vectors, model.encode(PAIRS), atol=1e-6)
    names = {"out.parquet": ["out.parquet"], "out": ["out"]}[output]
    assert Location.of(bucket("")).names() == ["in", *names]  # nothing unfinished is left
    with pytest.raises(ValueError, match="already"):
        encode_files(model, bucket("in/*.csv"), bucket(output))


@pytest.mark.slow
def test_a_file_that_is_not_in_the_store(model, bucket):
    with pytest.raises(ValueError, match="does not exist"):
        encode_files(model, bucket("in/no.csv"), bucket("out"))
    with pytest.raises(ValueError, match="No file matches"):
        encode_files(model, bucket("in/*.csv"), bucket("out"))
