"""Files of pairs, and an encoding of them that is interrupted."""

import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from st_relbert.encoding import encode_files

PAIRS = [("Tokyo", "Japan"), ("3.14", "pi"), ("NA", "null"), ("007", "1e5"), ('say "hi"', "a,b"), ("café", "東京")]


def write(folder, suffix, pairs=PAIRS, names=("head", "tail")):
    import csv

    path = folder / f"pairs{suffix}"
    if suffix in (".csv", ".tsv"):
        with open(path, "w", newline="", encoding="utf-8") as file:
            quoting = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None} if suffix == ".tsv" else {}
            writer = csv.writer(file, **quoting)
            writer.writerows([[*names, "id"], *([*pair, index] for index, pair in enumerate(pairs))])
    else:
        records = [{**dict(zip(names, pair, strict=True)), "id": index} for index, pair in enumerate(pairs)]
        if suffix == ".parquet":
            pa.parquet.write_table(pa.Table.from_pylist(records), path)
        else:
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def cut_short(model, path, output, after, **settings):
    """Encode, and press Ctrl-C after some calls of the model."""
    encode, calls = model.encode, []

    def encode_or_stop(pairs, **kwargs):
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(pairs)
        return encode(pairs, **kwargs)

    model.encode = encode_or_stop
    with pytest.raises(KeyboardInterrupt):
        encode_files(model, path, output, show_progress_bar=False, **settings)
    del model.encode
