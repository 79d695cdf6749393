import json
import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from st_relbert import RelBERT
from st_relbert.identity import ModelIdentity
from st_relbert.search import Vocabulary, read_words
from st_relbert.search import vocabulary as module

WORDS = ["Tokyo", "Japan", "New York City", "café", "東京", "[MASK]", "<mask>", "a" * 30]


def test_a_word_is_the_mean_of_its_token_vectors(encoder):
    """Against the plain way: the tokenizer's own tokens, the encoder itself, one word after the other."""
    model = RelBERT(encoder, template="short")
    words = [word for word in WORDS if "mask" not in word.lower()]
    vectors = Vocabulary.encode(model, words).vectors
    for word, vector in zip(words, vectors, strict=True):
        tokens = model.tokenizer(word, return_tensors="pt", return_token_type_ids=False)
        with torch.inference_mode():
            expected = model[0].model(**tokens).last_hidden_state[0].mean(dim=0)
        np.testing.assert_allclose(vector, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_fast_model_in_half_precision_gives_float32(encoders, monkeypatch, dtype):
    """Also on a processor that computes in bfloat16, which would mix the two."""
    monkeypatch.setattr("st_relbert.environment.computes_in_bfloat16", lambda device: True)
    exact = Vocabulary.encode(RelBERT(encoders["wordpiece"], template="short"), WORDS)
    half = RelBERT(encoders["wordpiece"], template="short", fast=True, model_kwargs={"dtype": dtype})
    vocabulary = Vocabulary.encode(half, WORDS[:3])
    found = np.vstack([vocabulary.vectors, vocabulary.look_up(WORDS[3:], half)])
    assert found.dtype == vocabulary.look_up(["x"], half).dtype == np.float32
    np.testing.assert_allclose(found, exact.vectors, atol=0.1)


def test_words_are_looked_up_or_encoded(model, monkeypatch):
    """Vectors are in the order of the words, repeated or not. A word that cannot be encoded is an error here too."""
    known = Vocabulary.encode(model, WORDS[:3])
    expected = Vocabulary.encode(model, [*WORDS, "new"])
    asked = ["new", "Japan", "new", "café", "Tokyo", "Japan"]
    np.testing.assert_allclose(known.look_up(asked, model), expected.vectors_of(asked), atol=1e-5)
    with pytest.raises(ValueError, match="word 0 of the vocabulary"):
        known.look_up([" "], model)
    monkeypatch.setattr(module, "_encode", None)
    np.testing.assert_array_equal(known.look_up(WORDS[1::-1], model), known.vectors_of(WORDS[1::-1]))


def test_words_are_not_parsed(model):
    """A word that looks like a special token is not read as the token."""
    spelled, mask = Vocabulary.encode(model, [model.tokenizer.mask_token, "mask"]).vectors
    with torch.inference_mode():
        token = model[0].model(**model.tokenizer(model.tokenizer.mask_token, return_tensors="pt")).last_hidden_state[0]
    assert not np.allclose(spelled, token.mean(dim=0), atol=1e-3) and not np.allclose(spelled, mask, atol=1e-3)


def test_known_words_are_not_encoded_again(model, monkeypatch):
    known = Vocabulary.encode(model, WORDS[:3])
    encoded, checked = [], []
    monkeypatch.setattr("st_relbert.search.vocabulary.check_words", lambda _, words: checked.extend(words))
    monkeypatch.setattr(
        "st_relbert.search.vocabulary._encode",
        lambda _, words, *rest: encoded.extend(words) or np.zeros((len(words), 16)),
    )
    more = Vocabulary.encode(model, ["x", *WORDS[1:3], "y", "x"], known=known)
    assert (checked, encoded, more.words) == (["x", "y"], ["x", "y"], ["x", *WORDS[1:3], "y"])
    np.testing.assert_array_equal(more.vectors_of(WORDS[1:3]), known.vectors_of(WORDS[1:3]))
    assert "x" in more and "x" not in known and len(more) == 4


@given(words=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, unique=True))
def test_a_vocabulary_survives_saving_and_loading(words, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    Vocabulary(words, np.random.default_rng(0).random((len(words), 3), np.float32), "a" * 32).save(folder)
    loaded = Vocabulary.load(folder)
    assert (loaded.words, loaded.digest) == (words, "a" * 32)
    assert loaded.vectors.dtype == np.float32 and loaded.vectors.shape == (len(words), 3)


def test_words_that_cannot_be_encoded_are_refused(model, encoders):
    for words, message in [
        ([], "The vocabulary contains no words"),
        (["a", " "], "^word 1 of the vocabulary is ' '"),
        (["a", "b\ufdd0"], "contains the noncharacter"),
        (["a " * 4_000], "tokens, but max_seq_length is"),
    ]:
        with pytest.raises(ValueError, match=message):
            Vocabulary.encode(model, words)
    other = RelBERT(encoders["bytelevel"], template="short")
    known = Vocabulary.encode(other, ["a"])
    with pytest.raises(ValueError, match="The known words were encoded by another model"):
        Vocabulary.encode(model, ["a"], known=known)
    with pytest.raises(ValueError, match="begins with a Transformer, expected the PromptTemplate of a RelBERT"):
        Vocabulary.encode(model.to_sentence_transformer(), ["a"])


def test_damaged_folders_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="Cannot read the vocabulary in .* Make it again"):
        Vocabulary.load(tmp_path)
    vocabulary = Vocabulary.encode(model, WORDS)
    vocabulary.save(tmp_path)
    path = tmp_path / "vocabulary.json"
    for words in (WORDS[:2], WORDS[::-1], [*WORDS[:-1], " "], [*WORDS[:-1], 1]):
        path.write_text(json.dumps({"digest": vocabulary.digest, "words": words}))
        with pytest.raises(ValueError, match="Cannot read the vocabulary in .* Make it again"):
            Vocabulary.load(tmp_path)
    path.write_text(json.dumps({"digest": vocabulary.digest, "words": WORDS[:2]}))
    with pytest.raises(ValueError, match="its 2 words do not match its 8 vectors"):
        Vocabulary.load(tmp_path)
    (tmp_path / "vocabulary.safetensors").write_bytes(b"xx")
    with pytest.raises(ValueError, match="Cannot read the vocabulary"):
        Vocabulary.load(tmp_path)


def test_files_of_words_are_read(tmp_path, caplog):
    path = tmp_path / "words.txt"
    path.write_text("\ufeffTokyo\r\n\n  New York \nTokyo\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert read_words(path) == ["Tokyo", "New York"]
    assert f"1 of 3 lines of {path} repeat a word. Each word counts once." in caplog.text
    for content, message in [
        (" \n\n", "contains no words, expected one per line"),
        ("a\n\u200b\n", "^line 2 of the vocabulary"),
        (b"\xff\xfe\x00", "as UTF-8 text"),
    ]:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ValueError, match=message):
            read_words(path)
    with pytest.raises(ValueError, match="Cannot read the vocabulary"):
        read_words(tmp_path / "none.txt")


def test_words_kept_in_a_folder_are_encoded_only_once(model, encoders, tmp_path, monkeypatch, caplog):
    """New words are encoded; damaged vectors or another model's are computed again; a folder may be read-only."""
    expected = Vocabulary.encode(model, WORDS)
    encoded = []
    plain = module._encode
    monkeypatch.setattr(module, "_encode", lambda m, words, *rest: encoded.append(words) or plain(m, words, *rest))

    def kept_in(made_by, words):
        return Vocabulary.kept_in(tmp_path, made_by, ModelIdentity.of(made_by), words)

    assert kept_in(model, WORDS[:5]).words == WORDS[:5]
    for _ in range(2):
        kept = kept_in(model, WORDS)
        np.testing.assert_allclose(kept.vectors, expected.vectors, atol=1e-5)
    assert encoded == [WORDS[:5], WORDS[5:]]
    (tmp_path / "vocabulary.json").write_text("{")
    assert len(kept_in(model, WORDS)) == len(WORDS) and encoded[2:] == [WORDS]
    other = RelBERT(encoders["bytelevel"], template="short")
    assert kept_in(other, WORDS[:2]).digest != expected.digest and encoded[3:] == [WORDS[:2]]
    monkeypatch.setattr(Vocabulary, "save", lambda *_: (_ for _ in ()).throw(PermissionError("read-only")))
    assert len(kept_in(model, WORDS[:3])) == 3 and "Cannot store" in caplog.text
