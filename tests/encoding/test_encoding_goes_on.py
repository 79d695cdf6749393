"""An interrupted or damaged encoding resumes, or says why it does not."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from st_relbert import RelBERT
from st_relbert.encoding import encode_files
from st_relbert.files.options import TableOptions
from tests.encoding.writing import PAIRS, cut_short, write


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_interrupted_encoding_resumes(model, tmp_path, suffix):
    settings = {"options": TableOptions(chunk_rows=7), "block_rows": 10}
    pairs = [(f"word {index}", "x" * (index % 5 + 1)) for index in range(50)]
    path, output = write(tmp_path, suffix, pairs), str(tmp_path / "out.parquet")
    cut_short(model, path, output, after=3, **settings)
    assert not os.path.exists(output)
    encoded = []
    encode = model.encode
    model.encode = lambda pairs, **kwargs: encoded.extend(pairs) or encode(pairs, **kwargs)
    assert encode_files(model, path, output, show_progress_bar=False, **settings) == 50
    assert encoded == pairs[30:]
    table = pa.parquet.read_table(output)
    assert list(zip(table["head"].to_pylist(), table["tail"].to_pylist(), strict=True)) == pairs
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), encode(pairs), atol=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["out.parquet", os.path.basename(path)]


def test_resuming_with_another_file_or_model_is_refused(encoders, model, tmp_path):
    settings = {"options": TableOptions(chunk_rows=2), "block_rows": 2}
    path, output = write(tmp_path, ".csv"), str(tmp_path / "out.parquet")
    cut_short(model, path, output, after=2, **settings)
    other = RelBERT(encoders["wordpiece"], template="a")
    with pytest.raises(ValueError, match=r"out.parquet.partial' contains part .* made with other model .*delete"):
        encode_files(other, path, output, show_progress_bar=False, **settings)
    for other in (
        RelBERT(encoders["wordpiece"], template="short", reduction="sum"),
        RelBERT(encoders["wordpiece"], template="short", fast=True),
    ):
        with pytest.raises(ValueError, match="made with other model"):
            encode_files(other, path, output, show_progress_bar=False, **settings)
    with open(path, "a", encoding="utf-8") as file:
        file.write("finger,hand,6\n")
    with pytest.raises(ValueError, match="made with other files"):
        encode_files(model, path, output, show_progress_bar=False, **settings)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "fewer rows", "record gone", "record broken"])
@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_damaged_block_is_encoded_again(model, tmp_path, damage, output):
    path, output = write(tmp_path, ".csv"), str(tmp_path / output)
    cut_short(model, path, output, after=2, block_rows=2)
    folder = tmp_path / ("out" if output.endswith("out") else "out.parquet.partial")
    part, record = folder / "00000000.parquet", folder / "_00000000.json"
    content = bytearray(part.read_bytes())
    if damage == "cut":
        part.write_bytes(content[:-20])
    elif damage == "empty":
        part.write_bytes(b"")
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        part.write_bytes(content)
    elif damage == "fewer rows":
        pa.parquet.write_table(pa.parquet.read_table(part).slice(1), part)
    elif damage == "record gone":
        record.unlink()
    else:
        record.write_text("[[")
    assert encode_files(model, path, output, block_rows=2, show_progress_bar=False) == len(PAIRS)
    table = pa.parquet.read_table(output)
    assert table["head"].to_pylist() == [head for head, _ in PAIRS]
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), model.encode(PAIRS), atol=1e-6)


@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_block_damaged_while_others_are_encoded_is_an_error(model, tmp_path, output):
    path, output = write(tmp_path, ".csv"), str(tmp_path / output)
    folder = tmp_path / ("out" if output.endswith("out") else "out.parquet.partial")
    encode = model.encode

    def damaging(pairs, **kwargs):
        for part in folder.glob("00000001.parquet"):
            part.write_bytes(part.read_bytes()[:-1])
        return encode(pairs, **kwargs)

    model.encode = damaging
    with pytest.raises(ValueError, match="00000001.parquet' is damaged.*Run the same command again"):
        encode_files(model, path, output, block_rows=2, show_progress_bar=False)
    model.encode = encode
    assert not (tmp_path / "out" / "_SUCCESS").exists() and not (tmp_path / "out.parquet").exists()
    assert encode_files(model, path, output, block_rows=2, show_progress_bar=False) == len(PAIRS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: (folder / "99999999.parquet").write_bytes(b""),
            "contains '99999999.parquet', which is not part",
        ),
        (lambda folder: (folder / "mine.txt").write_bytes(b""), "contains 'mine.txt', which is not part"),
        (lambda folder: (folder / "_made_from.json").unlink(), "no _made_from.json"),
        (lambda folder: (folder / "_made_from.json").write_text("{"), "_made_from.json' is damaged"),
        (lambda folder: (folder / "_made_from.json").write_text("[1]"), "_made_from.json' is damaged"),
        (lambda folder: (folder / "_made_from.json").write_text("[" * 200_000), "_made_from.json' is damaged"),
        (lambda folder: (folder / "_made_from.json").write_text("{}"), "made with other files"),
    ],
)
@pytest.mark.parametrize("output", ["out", "out.parquet"])
def test_a_folder_that_was_changed_is_refused(model, tmp_path, output, change, message):
    path, output = write(tmp_path, ".csv"), str(tmp_path / output)
    cut_short(model, path, output, after=2, block_rows=2)
    change(tmp_path / ("out" if output.endswith("out") else "out.parquet.partial"))
    with pytest.raises(ValueError, match=message):
        encode_files(model, path, output, block_rows=2, show_progress_bar=False)
