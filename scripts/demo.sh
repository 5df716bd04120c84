#!/usr/bin/env bash
# The complete pipeline on synthetic videos, or on your own. Safe to run again: finished steps are skipped.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

default_seeds=5 default_preset=motion
usage() {
    cat <<TEXT
usage: bash scripts/demo.sh [--preset NAME] [--out DIR] [--seeds N]
       bash scripts/demo.sh --videos DIR --train LIST --test LIST [--preset NAME] [--out DIR] [--seeds N]

The first creates .venv, a synthetic data set, features, $default_seeds trained heads and a report. The second uses your own
videos. LIST is a TSV (video_id, event_class, num_frames, anomaly_spans, optional group), a folder with normal/ and
anomaly/, or DATASET/SPLIT. Frame AUC needs anomaly spans in the test list; without them you get the video AUC.

  --videos DIR   root of your videos; ids in the lists are paths below it, without suffix
  --train LIST   training videos, classes only
  --test LIST    test videos
  --preset NAME  features: motion, which needs no weights, efficientnet-lite0, -lite1 or -lite2, whose weights are
                 installed with pip, or any other of vad-extract presets, whose weights you have  [default: $default_preset]
  --out DIR      folder for all results  [default: $root/demo, for your videos $root/demo/own]
  --seeds N      how many heads to train  [default: $default_seeds]
TEXT
}

wrong_usage() {
    echo "error: $*" >&2
    usage >&2
    exit 2
}

stopped() { # STATUS
    if [ "$1" -eq 2 ]; then
        echo "if an earlier version or other settings wrote these files: rm -r '$results/store' '$results/run' and run this again" >&2
    fi
    exit "$1"
}

videos="" train="" test="" out="" seeds="$default_seeds" preset="$default_preset"
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help)
            usage
            exit 0
            ;;
        --videos | --train | --test | --out | --seeds | --preset)
            [ $# -gt 1 ] && [ -n "$2" ] || wrong_usage "$1 needs a value"
            printf -v "${1#--}" '%s' "$2"
            shift 2
            ;;
        *) wrong_usage "unknown option $1" ;;
    esac
done
case "$seeds" in
    "" | *[!0-9]* | 0*) wrong_usage "--seeds $seeds is not an integer above 0" ;;
esac
# What a preset needs besides the package.
case "$preset" in
    efficientnet-lite*) extra="[lite]" ;;
    *) extra="" ;;
esac
prepare() {
    prepare_environment "$extra"
    local known
    known="$("$venv/bin/vad-extract" presets)"
    case $'\n'"$known"$'\n' in
        *$'\n'"$preset"$'\n'*) ;;
        *) wrong_usage "--preset $preset is unknown; choose one of" $known ;;
    esac
}

# Your own data, or a synthetic data set.
if [ -n "$videos$train$test" ]; then
    [ -n "$videos" ] && [ -n "$train" ] && [ -n "$test" ] || wrong_usage "--videos, --train and --test go together"
    [ -d "$videos" ] || fail "--videos $videos is not a folder"
    videos="$(cd "$videos" && pwd -P)"
    out="${out:-$root/demo/own}"
    if [ -e "$out/videos_from" ] && [ "$(cat "$out/videos_from")" != "$videos" ]; then
        fail "$out holds features of the videos below $(cat "$out/videos_from"); choose another --out"
    fi
    prepare
    mkdir -p "$out"
    echo "$videos" >"$out/videos_from"
else
    out="${out:-$root/demo}"
    prepare
    before="$(cat "$out/made_with.json" 2>/dev/null || true)"
    PYTHONPATH="$root" "$venv/bin/python" -m scripts.demo.make_videos "$out"
    if [ -n "$before" ] && [ "$before" != "$(cat "$out/made_with.json")" ]; then
        aside="$(mktemp -d "$out/before-XXXXXX")"
        echo "the videos have changed: the features and heads of the old ones are now in $aside"
        for each in "$out"/store "$out"/run "$out"/preset-*; do
            [ ! -e "$each" ] || mv "$each" "$aside/"
        done
    fi
    videos="$out/videos" train="$out/train.tsv" test="$out/test.tsv"
fi
# Features and heads of motion stand beside the videos, those of every other preset in a folder of their own.
results="$out"
[ "$preset" = motion ] || results="$out/preset-$preset"

echo "== extract"
status=0
"$venv/bin/vad-extract" run --preset "$preset" --videos "$videos" --list "$train" --list "$test" --store "$results/store" || status=$?
if [ "$status" -eq 1 ]; then
    echo "WARNING: some videos could not be extracted (see above); continuing without them" >&2
    PYTHONPATH="$root" "$venv/bin/python" -m scripts.tools.list_extracted "$train" "$results/store" "$results/train_extracted.tsv"
    PYTHONPATH="$root" "$venv/bin/python" -m scripts.tools.list_extracted "$test" "$results/store" "$results/test_extracted.tsv"
    train="$results/train_extracted.tsv" test="$results/test_extracted.tsv"
elif [ "$status" -ne 0 ]; then
    stopped "$status"
fi

echo "== train"
"$venv/bin/vad-score" train --head mil --store "$results/store" --list "$train" --out "$results/run" --seeds "$seeds" --resume ||
    stopped $?

echo "== evaluate"
"$venv/bin/vad-score" evaluate "$results/run" --store "$results/store" --list "$test" \
    --json "$results/report/metrics.json" --report "$results/report/index.html" --figures "$results/report" || stopped $?
echo "the report is $results/report/index.html"
