import pytest

from st_relbert.data import sources


def test_a_hub_data_set_is_read_by_config_and_first_split_found(monkeypatch):
    calls = []

    def load_dataset(name, config, split):
        calls.append((name, config, split))
        return [{"stem": ["a", "b"]}]

    monkeypatch.delenv("ST_RELBERT_DATA", raising=False)
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda name, config: ["train", "validation"])
    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    records, source = sources.read_records("relbert/analogy_questions/t_rex", ["test", "validation"])
    assert calls == [("relbert/analogy_questions", "t_rex", "validation")]
    assert records == [{"stem": ["a", "b"]}] and source == "relbert/analogy_questions/t_rex (validation)"
    sources.read_records("relbert/semeval2012_relational_similarity", ["train"])
    assert calls[-1] == ("relbert/semeval2012_relational_similarity", None, "train")


def test_a_hub_data_set_without_the_split_is_an_error(monkeypatch):
    monkeypatch.setattr("datasets.get_dataset_split_names", lambda name, config: ["train"])
    with pytest.raises(ValueError, match="it has the splits train, expected test or validation"):
        sources.read_records("owner/name", ["test", "validation"])


def test_the_data_folder_itself_is_no_data_set(tmp_path, monkeypatch):
    (tmp_path / "test.jsonl").write_text('{"a": 1}')
    monkeypatch.setenv("ST_RELBERT_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="Cannot load 'mistyped'"):
        sources.read_records("mistyped", ["test"])


def test_a_file_is_read_whatever_its_name(tmp_path):
    (tmp_path / "anything.json").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert sources.read_records(tmp_path / "anything.json", ["test"])[0] == [{"a": 1}, {"a": 2}]


def test_files_of_other_systems_are_read(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}\r\n')
    assert sources.read_records(tmp_path / "x.jsonl", ["test"])[0] == [{"a": 1}, {"a": 2}]


def test_line_separators_inside_a_word_do_not_break_the_line(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": "b\u2028c\x85d"}\n', encoding="utf-8")
    assert sources.read_records(tmp_path / "x.jsonl", ["test"])[0] == [{"a": "b\u2028c\x85d"}]
