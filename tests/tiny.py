"""Tiny encoders, built in code: random weights, real tokenizers of three kinds."""

import string
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, RobertaConfig, RobertaModel

from st_relbert.templates import NAMED_TEMPLATES

KINDS = ("wordpiece", "bytelevel", "unigram")
VOCABULARY = 400
TEXTS = [
    *NAMED_TEMPLATES.values(),
    "Tokyo Japan Paris France finger hand New York City mother-in-law café 東京 mask",
    " ".join(string.ascii_letters + string.digits + "[]<>/"),
] * 3


def build_encoder(kind: str, folder: Path) -> str:
    """Write a tiny encoder and its tokenizer to a folder."""
    tokenizer = build_tokenizer(kind)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(tokenizer) + 8,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 300,
        "pad_token_id": tokenizer.pad_token_id,
        # Larger than the default, so that random models tell tokens apart clearly.
        "initializer_range": 0.2,
    }
    if kind == "wordpiece":
        model = BertModel(BertConfig(**sizes))
    else:
        model = RobertaModel(RobertaConfig(**sizes, bos_token_id=tokenizer.bos_token_id, type_vocab_size=1))
    model.save_pretrained(folder)
    return str(folder)


def build_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer of one of the kinds, trained on a few lines."""
    return {"wordpiece": _wordpiece, "bytelevel": _bytelevel, "unigram": _unigram}[kind]()


def _wordpiece() -> PreTrainedTokenizerFast:
    special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        TEXTS, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=list(special.values()))
    )
    return _finish(tokenizer, special, "[CLS]", "[SEP]")


def _bytelevel() -> PreTrainedTokenizerFast:
    special = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=_special_tokens(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    return _finish(tokenizer, special, "<s>", "</s>")


def _unigram() -> PreTrainedTokenizerFast:
    special = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        TEXTS,
        trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=_special_tokens(special), unk_token="<unk>"),
    )
    return _finish(tokenizer, special, "<s>", "</s>")


def _special_tokens(special: dict[str, str]) -> list[AddedToken]:
    """As in RoBERTa and XLM-R: the blank before the mask belongs to it."""
    return [AddedToken(token, lstrip=name == "mask", normalized=False, special=True) for name, token in special.items()]


def _finish(tokenizer: Tokenizer, special: dict[str, str], start: str, end: str) -> PreTrainedTokenizerFast:
    ids = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{start} $A {end}", special_tokens=ids)
    names = {f"{name}_token": token for name, token in special.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **names)
