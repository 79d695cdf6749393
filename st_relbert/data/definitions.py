"""Patterns for relations stated by definitions: a *cygnet* is "a young swan", *frantic* is "excessively agitated"."""

# ruff: noqa: E501  # patterns are easier to read on one line

from __future__ import annotations

import re
from dataclasses import dataclass

# The end of a noun phrase: the noun before it is the head of the phrase, not a modifier of the next word.
_END = r"(?=$|[,;:.]| (?:is|are|of|in|that|which|who|whose|for|from|with|without|and|or|to|by|on|at|as|into|used|having|made|when|where|than|especially|usually)\b)"
_DETERMINER = r"(?:an? |the |one's |your |some )?"
_WORD = r"(?P<tail>[a-z]+(?:-[a-z]+)*)"
_NOUN = rf"{_DETERMINER}(?:[a-z-]+ )?{_WORD}{_END}"
_BARE_NOUN = rf"{_DETERMINER}{_WORD}{_END}"
_LAST = rf"{_WORD}(?=$|[,;:])"


# Words too general to be useful as tails.
EMPTY = frozenset(['be', 'have', 'do', 'make', 'put', 'take', 'give', 'cause', 'go', 'get', 'act', 'bring', 'come', 'become', 'use', 'subject', 'thing', 'something', 'someone', 'person', 'young', 'part', 'member', 'kind', 'type', 'variety', 'lack', 'quantity', 'amount', 'number', 'able', 'related', 'certain', 'other', 'such', 'degree', 'way', 'characteristic', 'state', 'quality', 'tendency', 'system', 'form', 'of', 'are', 'good', 'item', 'one', 'same'])  # fmt: skip


@dataclass(frozen=True)
class Pattern:
    """A pattern for definitions that state a relation.

    The head is the word defined, and `part` is its part of speech. The expression has a group named `tail`, which has
    the part of speech `tail_part`.
    """

    name: str
    part: str
    expression: re.Pattern[str]
    tail_part: str


def _patterns(part: str, tail_part: str, **expressions: str) -> list[Pattern]:
    return [
        Pattern(name.replace("_", " "), part, re.compile(f"^{expression}"), tail_part)
        for name, expression in expressions.items()
    ]


PATTERNS = [
    *_patterns(
        "noun",
        "noun",
        group_of=rf"an? (?:group|collection|herd|flock|cluster|body|set|crowd|band|pack|team) of {_NOUN}",
        study_of=rf"(?:the )?(?:scientific )?(?:study|science|branch of [a-z]+ (?:that studies|concerned with)) of {_NOUN}",
        young=rf"(?:an? |the )?(?:young|baby|immature|offspring of an?|young of an?) {_BARE_NOUN}",
        female=rf"(?:an? |the )?(?:adult |mature |young )?(?:female|woman) {_BARE_NOUN}",
        male=rf"(?:an? |the )?(?:adult |mature |young )?male {_BARE_NOUN}",
        sound_of=rf"(?:an?|the) (?:sharp |loud |harsh |low |short |characteristic )?(?:sound|cry|noise|call) (?:of|made by|produced by|like) {_NOUN}",
        fear_of=rf"(?:an? )?(?:morbid |irrational |abnormal |exaggerated )*(?:fear|dread) of (?:being )?{_NOUN}",
        inflammation_of=rf"inflammation of {_NOUN}",
        flesh_of=rf"(?:the )?(?:edible )?(?:flesh|meat) of {_NOUN}",
        unit_of=rf"(?:an? |the )?(?:[a-z]+ )?unit of {_BARE_NOUN}",
        measures=rf"(?:an? )?(?:[a-z]+ )?(?:instrument|device|meter|gauge) (?:for|used for|that|used to) measur(?:ing|es|e) {_NOUN}",
        place_for=rf"(?:an? )?(?:[a-z]+ )?(?:building|place|room|house|enclosure|structure|shed|area|store|shop|factory) (?:where|in which|for|for keeping|for storing|that sells|selling) {_NOUN}",
        container_for=rf"(?:an? )?(?:[a-z]+ )?(?:container|case|box|bag|bottle|jar|vessel|receptacle|holder) (?:for|for holding|for storing|used for|to hold|that holds) {_NOUN}",
        maker_of=rf"(?:someone|a person|a craftsman|a worker|one|an artist|a skilled worker) who (?:makes|produces|builds|writes|creates|constructs|composes|paints) {_NOUN}",
        seller_of=rf"(?:someone|a person|a merchant|a dealer|a shopkeeper|one) who (?:sells|deals in|trades in) {_NOUN}",
        student_of=rf"(?:someone|a scientist|a person|a specialist|an expert|a biologist|a doctor|a physician) (?:who (?:studies|specializes in)|trained in|who is an expert on) {_NOUN}",
        part_of=rf"(?:the |an? )?(?:[a-z]+ )?(?:part|section|portion|segment) of {_NOUN}",
        small=rf"(?:an? )?(?:very )?(?:small|little|tiny|miniature) {_LAST}",
        lack_of=rf"(?:the |an? )?(?:complete |total |general )?(?:lack|absence|loss) of {_NOUN}",
    ),
    *_patterns(
        "noun",
        "verb",
        person_who=rf"(?:a person|someone|one|a worker|an official|a performer|an athlete) who {_WORD}",
        act_of=rf"the (?:act|action|process|activity) of {_WORD}(?=$|[,;]| (?:or|and|something|someone)\b)",
        used_to=rf"(?:an? )?(?:[a-z-]+ ){{1,4}}(?:used|designed) (?:to|for|in) {_WORD}",
    ),
    *_patterns(
        "noun",
        "adjective",
        quality_of_being=rf"the (?:state|quality|property|condition|trait|fact) of being {_WORD}",
        person_who_is=rf"(?:a person|someone|one) who is (?:very |extremely )?{_WORD}(?=$|[,;]| (?:and|or|about|in|with|to)\b)",
    ),
    *_patterns(
        "adjective",
        "noun",
        lacking=rf"(?:lacking|without|having no|not having|devoid of|free from|deficient in|wanting in) (?:any )?{_BARE_NOUN}",
        full_of=rf"(?:full of|filled with|abounding in|abundant in|covered with|rich in|having much|having many) {_BARE_NOUN}",
        showing=rf"(?:showing|exhibiting|feeling|expressing|characterized by|marked by|possessing|having|displaying) {_BARE_NOUN}",
        resembling=rf"(?:resembling|like|suggestive of|characteristic of|similar to) {_BARE_NOUN}",
        causing=rf"(?:causing|producing|arousing|inspiring|tending to cause|tending to produce) {_BARE_NOUN}",
        shaped_like=rf"(?:shaped like|having the shape of|in the shape of|having the form of) {_BARE_NOUN}",
    ),
    *_patterns(
        "adjective",
        "adjective",
        very=rf"(?:very|extremely|exceedingly|intensely|extraordinarily|utterly|completely|excessively|highly|unusually) {_LAST}",
        somewhat=rf"(?:somewhat|slightly|moderately|rather|a little|fairly) {_LAST}",
        too=rf"(?:too|overly|unduly) {_LAST}",
        **{"not": rf"not {_LAST}"},
    ),
    *_patterns(
        "adjective",
        "verb",
        able_to_be=rf"(?:capable of being|able to be|that can be|possible to|easy to|easily) {_WORD}(?=$|[,;]| (?:or|and|by|in|with)\b)",
        tending_to=rf"(?:tending to|inclined to|apt to|disposed to|given to|likely to) {_WORD}",
    ),
    *_patterns(
        "verb",
        "adjective",
        make=rf"(?:cause to )?(?:make|become|get|grow|turn|make or become|become or cause to become|cause to become|render)(?: more)? {_LAST}",
    ),
    *_patterns(
        "verb",
        "noun",
        remove=rf"(?:remove|take away|strip|clear) {_BARE_NOUN}(?= from| of)",
        provide_with=rf"(?:provide|cover|furnish|equip|fit|supply|fill|coat|mark|decorate|adorn|treat) with {_BARE_NOUN}",
        put_into=rf"(?:put|place|enclose|confine|lock up|pack|store) (?:in|into) {_BARE_NOUN}",
        by_means_of=rf"[a-z]+ (?:with|using|by means of|by) an? {_WORD}{_END}",
    ),
    *_patterns(
        "verb",
        "verb",
        cause_to=rf"cause to {_WORD}(?=$|[,;])",
        manner=rf"{_WORD} (?:very |as if )?(?:[a-z]+ly|in an? [a-z-]+ (?:way|manner|voice|tone))(?=$|[,;]| (?:and|or)\b)",
        again=rf"{_WORD} (?:again|anew|once more)(?=$|[,;])",
        together=rf"{_WORD} together(?=$|[,;])",
    ),
    *_patterns("adverb", "adjective", in_manner=rf"in an? {_WORD} (?:manner|way|fashion)"),
]
"""All patterns. A definition that matches several of them states several relations."""


def clause_of(definition: str) -> str:
    """Return the first clause of a definition in lower case, without anything in parentheses.

    >>> clause_of("(of birds) a young swan; still grey")
    'a young swan'
    """
    text = re.sub(r"\([^)]*\)", " ", definition).split(";")[0].lower()
    return " ".join(text.split())
