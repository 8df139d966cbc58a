#!/usr/bin/env bash
# Measures the sizing of tables next to the queries of other programs: `make bench-tables`, which builds ours first.
# Arguments go to tables.py; --help lists them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../test/install.sh
. "$here/../test/install.sh"

export MRT_BENCH_MEASURER=${CARGO_TARGET_DIR:-$repository/target}/release/examples/measure-database
[[ -x $MRT_BENCH_MEASURER ]] || fail "no $MRT_BENCH_MEASURER: run 'make bench-tables', which builds it"
ensure_python
ensure_postgres
MRT_BENCH_PSQL=$(postgres_bin)/psql
export MRT_BENCH_PSQL
exec "$here/../test/services.sh" python3 -B "$here/tables.py" "$@"
