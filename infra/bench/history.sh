#!/usr/bin/env bash
# Measures the history of sizes: `make bench-history`, which builds the measuring program first. Arguments go to
# history.py; --help lists them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../test/install.sh
. "$here/../test/install.sh"

export MRT_BENCH_HISTORY=${CARGO_TARGET_DIR:-$repository/target}/release/examples/measure-history
[[ -x $MRT_BENCH_HISTORY ]] || fail "no $MRT_BENCH_HISTORY: run 'make bench-history', which builds it"
ensure_python
exec python3 -B "$here/history.py" "$@"
