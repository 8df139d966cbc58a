#!/usr/bin/env bash
# Runs every test with real services: `make test`. Arguments go to the test runner of the workspace, and then nothing
# else runs: `make test ARGS=a_part_of_a_name`.
#
# Everything is compiled before the services start, including the programs that some tests start. cargo-nextest runs
# the workspace's tests where it is installed (settings: .config/nextest.toml), plain cargo elsewhere.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if cargo nextest --version >/dev/null 2>&1; then
    tests=(cargo nextest run --workspace --locked)
else
    tests=(cargo test --workspace --locked --no-fail-fast)
fi

cargo build --workspace --locked --bins
"${tests[@]}" --no-run
if (($#)); then
    exec infra/test/services.sh "${tests[@]}" "$@"
fi
exec infra/test/services.sh infra/test/everything.sh "${tests[@]}"
