"""Tiny encoders, built in code: random weights, real tokenizers of three kinds."""

import string
from collections import Counter
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
        # Larger than the default, so that random models distinguish tokens clearly.
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
    normalizer = normalizers.BertNormalizer(lowercase=False)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces = _pieces(normalizer, pre_tokenizer, inside="##")
    vocabulary = {token: i for i, token in enumerate([*special.values(), *pieces])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
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
    normalizer = normalizers.NFKC()
    pre_tokenizer = pre_tokenizers.Metaspace()
    # Short pieces, so that most words have several. A piece costs 1, and a rare one slightly more.
    pieces = [piece for piece in _pieces(normalizer, pre_tokenizer, inside="") if len(piece) <= 4]
    costs = [(piece, -1 - i / 1000) for i, piece in enumerate(pieces)]
    vocabulary = [(token, 0.0) for token in special.values()] + costs
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=list(special).index("unk")))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(_special_tokens(special))
    return _finish(tokenizer, special, "<s>", "</s>")


def _pieces(
    normalizer: normalizers.Normalizer, pre_tokenizer: pre_tokenizers.PreTokenizer, *, inside: str
) -> list[str]:
    """The vocabulary of a tokenizer: characters, then beginnings of words and words, the frequent ones first.

    It is the same in every process. The trainers of the `tokenizers` library break ties in another way in each.

    Args:
        normalizer: Applied to the texts.
        pre_tokenizer: Splits the texts into words.
        inside: What marks a piece inside a word.
    """
    words = Counter(
        word for text in TEXTS for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))
    )
    characters = {inside + character for word in words for character in word} | {word[0] for word in words}
    beginnings = Counter(word[:n] for word in words for n in range(2, len(word)))
    counts = beginnings + words
    frequent = sorted(counts, key=lambda piece: (-counts[piece], piece))
    return sorted(characters) + [piece for piece in frequent if piece not in characters][: VOCABULARY - len(characters)]


def _special_tokens(special: dict[str, str]) -> list[AddedToken]:
    """As in RoBERTa and XLM-R: the blank before the mask belongs to it."""
    return [AddedToken(token, lstrip=name == "mask", normalized=False, special=True) for name, token in special.items()]


def _finish(tokenizer: Tokenizer, special: dict[str, str], start: str, end: str) -> PreTrainedTokenizerFast:
    ids = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{start} $A {end}", special_tokens=ids)
    names = {f"{name}_token": token for name, token in special.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=256, **names)
