import pytest
import torch
from sentence_transformers import SentenceTransformer

from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.modules.relation_pooling import POOLING_MODES

MASK_ID = 4


def features(padding_side):
    """Three prompts of 3, 5 and 4 tokens with one mask each."""
    torch.manual_seed(0)
    rows = [[7, MASK_ID, 8], [7, 8, 9, MASK_ID, 8], [MASK_ID, 9, 9, 9]]
    width = 5
    input_ids, attention = torch.zeros(3, width, dtype=torch.long), torch.zeros(3, width, dtype=torch.long)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if padding_side == "left" else slice(0, len(row))
        input_ids[index, place] = torch.tensor(row)
        attention[index, place] = 1
    return {"input_ids": input_ids, "attention_mask": attention, "token_embeddings": torch.randn(3, width, 6)}


def pool_slowly(batch, pooling, reduction):
    """A plain loop over tokens, to test the tensor operations against."""
    pooled = []
    for ids, attended, vectors in zip(
        batch["input_ids"], batch["attention_mask"], batch["token_embeddings"], strict=True
    ):
        counted = [
            vector
            for token, on, vector in zip(ids.tolist(), attended.tolist(), vectors, strict=True)
            if on and (pooling == "average" or (token == MASK_ID) == (pooling == "mask"))
        ]
        total = torch.stack(counted).sum(0)
        pooled.append(total / len(counted) if reduction == "mean" else total)
    return torch.stack(pooled)


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("mode", POOLING_MODES)
def test_pooling_equals_a_loop_over_tokens(mode, reduction, padding_side):
    batch = features(padding_side)
    pooling = RelationPooling(6, mode, reduction=reduction)
    pooling.mask_token_id = MASK_ID
    pooled = pooling(dict(batch))["sentence_embedding"]
    torch.testing.assert_close(pooled, pool_slowly(batch, mode, reduction))


def test_pooling_writes_nothing_but_its_result():
    batch = features("right")
    before = {key: value.clone() for key, value in batch.items()}
    pooling = RelationPooling(6)
    pooling.mask_token_id = MASK_ID
    pooling(batch)
    assert set(batch) - set(before) == {"sentence_embedding"}
    for key, value in before.items():
        assert torch.equal(batch[key], value)


def test_half_precision_is_summed_in_full():
    batch = features("right")
    pooling = RelationPooling(6, "average", reduction="sum")
    full = pooling(dict(batch))["sentence_embedding"]
    batch["token_embeddings"] = batch["token_embeddings"].bfloat16()
    half = pooling(batch)["sentence_embedding"]
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, rtol=0.02, atol=0.02)


def test_the_error_for_an_unknown_setting_lists_the_known_ones():
    with pytest.raises(ValueError, match="Unknown pooling 'max', expected one of 'average_no_mask', 'average', 'mask'"):
        RelationPooling(6, "max")
    with pytest.raises(ValueError, match="Unknown reduction 'median', expected one of 'mean', 'sum'"):
        RelationPooling(6, "average", reduction="median")


def test_mask_pooling_needs_a_mask(encoders):
    prompt = PromptTemplate(encoders["wordpiece"], template="<subj> and <obj>")
    with pytest.raises(ValueError, match="needs <mask> in the template"):
        SentenceTransformer(modules=[prompt, RelationPooling(16, "mask")])
    prompt = PromptTemplate(encoders["wordpiece"], template="<subj> and <obj>", processor_kwargs={"mask_token": None})
    with pytest.raises(ValueError, match="needs a mask token"):
        SentenceTransformer(modules=[prompt, RelationPooling(16, "mask")])


def test_the_configuration_survives_a_round_trip(tmp_path):
    RelationPooling(6, "mask", reduction="sum").save(str(tmp_path))
    assert RelationPooling.load(str(tmp_path)).get_config_dict() == {
        "embedding_dimension": 6,
        "pooling": "mask",
        "reduction": "sum",
    }


def test_a_configuration_with_the_old_key_is_read(tmp_path):
    (tmp_path / "config.json").write_text('{"embedding_dimension": 6, "aggregation": "mask", "reduction": "sum"}')
    assert RelationPooling.load(str(tmp_path)).pooling == "mask"
