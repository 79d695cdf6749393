"""The encoders that people use have position tables, biases and masks of their own kinds."""

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer

from st_relbert import RelBERT
from tests import tiny

PAIRS = [("Tokyo", "Japan"), ("finger", "New York City mother-in-law café 東京"), ("a", "b")]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
ENCODERS = {
    "MPNet": ("unigram", SIZES),
    "DistilBert": ("wordpiece", {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}),
    "Albert": ("unigram", {**SIZES, "embedding_size": 16}),
    "DebertaV2": ("unigram", SIZES),
    "ModernBert": ("bytelevel", SIZES),
    "XLMRoberta": ("unigram", SIZES),
    "T5": ("unigram", {"d_model": 32, "d_kv": 16, "num_layers": 2, "num_heads": 2, "d_ff": 32}),
    "GPT2": ("bytelevel", {"n_embd": 32, "n_layer": 2, "n_head": 2}),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_single_batched_and_plain_encoding_agree(tmp_path, name):
    kind, sizes = ENCODERS[name]
    tokenizer = tiny.build_tokenizer(kind)
    tokenizer.save_pretrained(tmp_path / "encoder")
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, max_position_embeddings=300, **sizes
    )
    model_class = getattr(transformers, "T5EncoderModel" if name == "T5" else f"{name}Model")
    model_class(config).save_pretrained(tmp_path / "encoder")

    model = RelBERT(str(tmp_path / "encoder"), template="a")
    vectors = model.encode(PAIRS)
    assert len(np.unique(vectors.round(4), axis=0)) == len(PAIRS)
    np.testing.assert_allclose(vectors, np.stack([model.encode(pair) for pair in PAIRS]), atol=1e-5)
    model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    np.testing.assert_allclose(SentenceTransformer(str(tmp_path / "model")).encode(PAIRS), vectors, atol=1e-5)
