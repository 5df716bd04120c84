#!/usr/bin/env bash
# The complete pipeline on synthetic videos, or on your own. Safe to run again: finished steps are skipped.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

usage() {
    cat <<TEXT
usage: bash scripts/demo.sh [--out DIR] [--seeds N]
       bash scripts/demo.sh --videos DIR --train LIST --test LIST [--out DIR] [--seeds N]

The first creates .venv, a synthetic data set, features, $seeds trained heads and a report. The second uses your own
videos. LIST is a TSV (video_id, event_class, num_frames, anomaly_spans, optional group), a folder with normal/ and
anomaly/, or DATASET/SPLIT. Frame AUC needs anomaly spans in the test list; without them you get the video AUC.

  --videos DIR   root of your videos; ids in the lists are paths below it, without suffix
  --train LIST   training videos, classes only
  --test LIST    test videos
  --out DIR      folder for all results  [default: $root/demo, for your videos $root/demo/own]
  --seeds N      how many heads to train  [default: $seeds]
TEXT
}

wrong_usage() {
    echo "error: $*" >&2
    usage >&2
    exit 2
}

stopped() { # STATUS
    if [ "$1" -eq 2 ]; then
        echo "if an earlier version or other settings wrote these files: rm -r '$out/store' '$out/run' and run this again" >&2
    fi
    exit "$1"
}

videos="" train="" test="" out="" seeds=5
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) usage && exit 0 ;;
        --videos | --train | --test | --out | --seeds)
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

# Your own data, or a synthetic data set.
if [ -n "$videos$train$test" ]; then
    [ -n "$videos" ] && [ -n "$train" ] && [ -n "$test" ] || wrong_usage "--videos, --train and --test go together"
    [ -d "$videos" ] || fail "--videos $videos is not a folder"
    videos="$(cd "$videos" && pwd -P)"
    out="${out:-$root/demo/own}"
    if [ -e "$out/videos_from" ] && [ "$(cat "$out/videos_from")" != "$videos" ]; then
        fail "$out holds features of the videos below $(cat "$out/videos_from"); choose another --out"
    fi
    prepare_environment
    mkdir -p "$out"
    echo "$videos" >"$out/videos_from"
else
    out="${out:-$root/demo}"
    prepare_environment
    before="$(cat "$out/made_with.json" 2>/dev/null || true)"
    PYTHONPATH="$root" "$venv/bin/python" -m scripts.demo.make_videos "$out"
    if [ -n "$before" ] && [ "$before" != "$(cat "$out/made_with.json")" ]; then
        aside="$(mktemp -d "$out/before-XXXXXX")"
        echo "the videos have changed: the features and heads of the old ones are now in $aside"
        for each in store run; do
            [ ! -e "$out/$each" ] || mv "$out/$each" "$aside/"
        done
    fi
    videos="$out/videos" train="$out/train.tsv" test="$out/test.tsv"
fi

echo "== extract"
status=0
"$venv/bin/vad-extract" run --preset motion --videos "$videos" --list "$train" --list "$test" --store "$out/store" || status=$?
if [ "$status" -eq 1 ]; then
    echo "WARNING: some videos could not be extracted (see above); continuing without them" >&2
    PYTHONPATH="$root" "$venv/bin/python" -m scripts.tools.list_extracted "$train" "$out/store" "$out/train_extracted.tsv"
    PYTHONPATH="$root" "$venv/bin/python" -m scripts.tools.list_extracted "$test" "$out/store" "$out/test_extracted.tsv"
    train="$out/train_extracted.tsv" test="$out/test_extracted.tsv"
elif [ "$status" -ne 0 ]; then
    stopped "$status"
fi

echo "== train"
"$venv/bin/vad-score" train --head mil --store "$out/store" --list "$train" --out "$out/run" --seeds "$seeds" --resume ||
    stopped $?

echo "== evaluate"
"$venv/bin/vad-score" evaluate "$out/run" --store "$out/store" --list "$test" \
    --json "$out/report/metrics.json" --report "$out/report/index.html" --figures "$out/report" || stopped $?
echo "the report is $out/report/index.html"
