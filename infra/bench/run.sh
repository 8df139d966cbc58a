#!/usr/bin/env bash
# Measures the release binaries with real services: `make bench`, which builds them first. Arguments go to bench.py;
# --help lists them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../test/install.sh
. "$here/../test/install.sh"

binaries=${MRT_BENCH_BINARIES:-${CARGO_TARGET_DIR:-$repository/target}/release} # set it to compare builds
[[ -x $binaries/api-public ]] || fail "no release binaries in ${binaries}: run 'make bench', which builds them"
ensure_python
ensure_venv ministack
ensure_postgres
export MRT_BENCH_BINARIES=$binaries
export MRT_BENCH_PEER_PYTHON=$repository/.mrt/venv/ministack/bin/python
MRT_BENCH_PSQL=$(postgres_bin)/psql
export MRT_BENCH_PSQL
exec "$here/../test/services.sh" python3 -B "$here/bench.py" "$@"
