#!/usr/bin/env bash
# Runs every test of the workspace beside real services: `make test`. Arguments go to the test runner.
#
# Everything is compiled before the services start, the programs too: some tests start those. cargo-nextest runs
# the tests where it is installed (settings: .config/nextest.toml), plain cargo elsewhere.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if cargo nextest --version >/dev/null 2>&1; then
    tests=(cargo nextest run --workspace --locked)
else
    tests=(cargo test --workspace --locked --no-fail-fast)
fi

cargo build --workspace --locked --bins
"${tests[@]}" --no-run
exec infra/test/services.sh "${tests[@]}" "$@"
