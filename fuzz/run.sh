#!/usr/bin/env bash
# Fuzzes one target, or each in turn: run.sh MINUTES [TARGET]. What is found goes to artifacts/, what
# was reached stays in corpus/ for the next run. Ends with an error if anything was found.
set -euo pipefail
cd "$(dirname "$0")"

minutes=$1
targets=${2:-$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)}
bin=target/x86_64-unknown-linux-gnu/release

cargo build --locked --release --quiet
# The seeds are made without the fuzzer's flags.
(cd .. && cargo build --locked --release --quiet -p anabranch-hostile --example seeds)
seeds=${CARGO_TARGET_DIR:-../target}/release/examples/seeds

failed=0
for target in $targets; do
    mkdir -p "corpus/$target" "artifacts/$target"
    "$seeds" "$target" "corpus/$target"
    cp "../tests/hostile/found/$target/"* "corpus/$target/" 2>/dev/null || true
    dictionary=()
    if [ -f "dictionaries/$target" ]; then dictionary=("-dict=dictionaries/$target"); fi
    # A unit takes milliseconds; what takes ten seconds or 2 GB is a finding.
    echo "== $target"
    nice -n 19 "$bin/$target" "corpus/$target" "${dictionary[@]}" \
        -max_total_time=$((minutes * 60)) -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=256 -artifact_prefix="artifacts/$target/" -print_final_stats=1 \
        -verbosity=1 2>&1 | grep -vE '(NEW|REDUCE|pulse|RELOAD) ' || failed=1
done
exit $failed
