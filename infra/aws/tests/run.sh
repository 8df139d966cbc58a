#!/usr/bin/env bash
# Tests the deployment: static checks, then sam into an emulator of its own, with every route and role. Needs services:
#
#   infra/test/services.sh infra/aws/tests/run.sh [TEST...]      for example test_1_template
#
# Uses the functions built by `cargo build --bins`, or those in MRT_TEST_BINARIES.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../test/install.sh
. "$here/../../test/install.sh"

[[ -n ${MRT_TEST_POSTGRES_URL-} ]] || fail "this needs services: infra/test/services.sh $0"
ensure_python
ensure_venv ministack
ensure_venv deploy
ensure_venv checkov
ensure_venv s3peers
MRT_TEST_PSQL=$(postgres_bin)/psql
export MRT_TEST_PSQL
export MRT_TEST_BINARIES=${MRT_TEST_BINARIES:-${CARGO_TARGET_DIR:-$repository/target}/debug}
mkdir -p "$repository/.mrt/test"
cd "$here"
tests=("$@")
(($#)) || tests=(discover)
exec "$repository/.mrt/venv/deploy/bin/python" -B -m unittest "${tests[@]}" --verbose
