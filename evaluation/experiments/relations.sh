#!/usr/bin/env bash
# The experiment "relations": what the shipped relations teach, alone and with public sources beside them.
#
#   evaluation/experiments/relations.sh SOURCES ENCODER OUTPUT
#
# SOURCES: a folder with wordnet.xml.gz, conceptnet.tsv, pararel, lre, docred, text2kg (see docs/settings.md for where
# they are from); ENCODER: all-MiniLM-L6-v2; OUTPUT: where data, models and results go. Benchmarks: $ST_RELBERT_DATA.
set -euo pipefail
sources=$1 encoder=$2 output=$3
hub=relbert/analogy_questions
tests=(
    starter/held_out_pairs starter/held_out_relations "$hub"/{u2,u4,google,bats}
    "$hub"/{conceptnet,t_rex}_relational_similarity relbert/relation_mapping
    relbert/lexical_relation_classification/{BLESS,ROOT09} scar
)
mkdir -p "$output"
cd "$output"

for name in conceptnet.tsv pararel lre docred text2kg; do
    st-relbert data triples "$sources/$name" --most 200 --least 10 --exclude "${tests[@]}" --output "${name%.*}.jsonl"
done
st-relbert data wordnet --wordnet "$sources/wordnet.xml.gz" --exclude "${tests[@]}" --output wordnet.jsonl
st-relbert data combine relations --mismatches --exclude "${tests[@]}" --output own.jsonl
st-relbert data combine relations starter relbert/semeval2012_relational_similarity \
    {conceptnet,pararel,lre,docred,text2kg,wordnet}.jsonl --mismatches --exclude "${tests[@]}" --output all.jsonl

for data in own all; do
    for seed in 0 1 2; do
        model=$data-$seed
        st-relbert train --preset minilm-fast --base-model "$encoder" --train-data "$data.jsonl" --seed "$seed" \
            --output "$model"
        st-relbert evaluate "$model" --output "$model.json" --analogies \
            "$hub"/{u2,google,bats} "$hub"/{u4,conceptnet_relational_similarity,t_rex_relational_similarity}/validation \
            starter/held_out_{pairs,relations}
        st-relbert evaluate "$model" --output "$model.relations.json" \
            --analogies relations/held_out_{pairs,relations,parents} relations/educated
    done
done
