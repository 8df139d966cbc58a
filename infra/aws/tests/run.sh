#!/usr/bin/env bash
# Proves the deployment: static checks, sam into an emulator of its own, every route and role. Run beside services:
#
#   infra/test/services.sh infra/aws/tests/run.sh [TEST...]      for instance test_1_template
#
# The functions are those of `cargo build --bins`; MRT_TEST_BINARIES names another folder.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../../test/install.sh
. "$here/../../test/install.sh"

[[ -n ${MRT_TEST_POSTGRES_URL-} ]] || fail "run me beside services: infra/test/services.sh $0"
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
