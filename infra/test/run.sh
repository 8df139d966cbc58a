#!/usr/bin/env bash
# Runs every test of the workspace beside real services, then the tests of the deployment (infra/aws/tests): `make
# test`. Arguments go to the test runner of the workspace; with any, that is all that runs.
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
if (($#)); then
    exec infra/test/services.sh "${tests[@]}" "$@"
fi
# Then the deployment, with the functions that were compiled above.
# shellcheck disable=SC2016
exec infra/test/services.sh bash -euc '"$@"; exec infra/aws/tests/run.sh' tests "${tests[@]}"
