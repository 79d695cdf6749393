#!/usr/bin/env bash
# The experiment "base size": MPNet on the shipped relations and on public sources, and what it teaches MiniLM. Needs a GPU.
#
#   evaluation/experiments/base_size.sh DATA MPNET MINILM OUTPUT
#
# DATA: a folder with own.jsonl and all.jsonl, which relations.sh makes; MPNET, MINILM: all-mpnet-base-v2 and
# all-MiniLM-L6-v2; OUTPUT: where models and results go. Benchmarks: $ST_RELBERT_DATA.
set -euo pipefail
data=$(realpath "$1") mpnet=$2 minilm=$3 output=$4
hub=relbert/analogy_questions
mkdir -p "$output"
cd "$output"

evaluate() {
    st-relbert evaluate "$1" --output "$1.json" --analogies "$hub"/{u2,google,bats} \
        "$hub"/{u2,u4,conceptnet_relational_similarity,t_rex_relational_similarity}/validation \
        starter/held_out_{pairs,relations} relations/held_out_{pairs,relations,parents} relations/educated
    st-relbert evaluate "$1" --output "$1.mapping.json" --suite relbert --tasks mapping
}

train() { # NAME SEED DATA [OPTIONS]: own.jsonl and all.jsonl have their mismatches
    st-relbert train --preset mpnet --no-mismatches --base-model "$mpnet" --train-data "$data/$3.jsonl" \
        --seed "$2" --output "$1" "${@:4}"
    evaluate "$1"
}

base=(--relations-per-batch 32 --learning-rate 5e-5)
train base 0 own "${base[@]}"
train steps-600 0 own "${base[@]}" --max-steps 600
train steps-1000 0 own "${base[@]}" --max-steps 1000
train negatives-6 0 own "${base[@]}" --negatives-per-relation 6
train temperature-0.1 0 own "${base[@]}" --temperature 0.1
train template-a 0 own "${base[@]}" --template a
train mask 0 own "${base[@]}" --pooling mask

for seed in 0 1 2; do
    train "own-$seed" "$seed" own
    train "all-$seed" "$seed" all
done

st-relbert train --preset minilm-distilled --no-mismatches --teacher own-0 --base-model "$minilm" \
    --train-data "$data/own.jsonl" --output distilled
evaluate distilled
