#!/usr/bin/env bash
# Checks the OpenAPI document of the compiled `mrt` with Spectral and Redocly; a warning is an error. MRT, or target/debug/mrt.
#
# A document that was checked before with the same rules is not checked again.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$repository/infra/openapi"
checked=$repository/.mrt/openapi.checked

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '[[environment]]\nname = "none"\n' >"$folder/fleet.toml"
# Without a region, the AWS SDK would look for one.
AWS_REGION=us-east-1 "${MRT:-$repository/target/debug/mrt}" invoke api-public "$repository/api/tests/events/openapi.json" \
    --fleet "$folder/fleet.toml" --data "$folder/data" >"$folder/response.json" 2>/dev/null
python3 -c 'import json, sys; print(json.load(sys.stdin)["body"])' <"$folder/response.json" >"$folder/openapi.json"

digest=$(cat "$folder/openapi.json" lint.sh .spectral.yaml redocly.yaml package-lock.json | sha256sum)
[[ $(cat "$checked" 2>/dev/null) != "$digest" ]] || exit 0
"$repository/infra/test/install.sh" openapi-lint
node_modules/.bin/spectral lint "$folder/openapi.json" --ruleset .spectral.yaml --fail-severity hint --quiet
REDOCLY_SUPPRESS_UPDATE_NOTICE=true node_modules/.bin/redocly lint "$folder/openapi.json" --config redocly.yaml
mkdir -p "${checked%/*}"
printf '%s\n' "$digest" >"$checked"
