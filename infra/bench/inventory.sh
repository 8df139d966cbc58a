#!/usr/bin/env bash
# Measures reports of S3 Inventory next to DuckDB and pyarrow: `make bench-inventory`, which builds our program.
# Arguments go to inventory.py; --help lists them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../test/install.sh
. "$here/../test/install.sh"

export MRT_BENCH_SUMMER=${CARGO_TARGET_DIR:-$repository/target}/release/examples/sum_files
[[ -x $MRT_BENCH_SUMMER ]] || fail "no $MRT_BENCH_SUMMER: run 'make bench-inventory', which builds it"
ensure_python
ensure_venv inventory
exec "$repository/.mrt/venv/inventory/bin/python" -B "$here/inventory.py" "$@"
