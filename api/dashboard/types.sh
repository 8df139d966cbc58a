#!/usr/bin/env bash
# Writes src/openapi.d.ts, the types of the API, from the OpenAPI document of the compiled `mrt`: MRT, or target/debug/mrt.
#
# They are not kept in the repository: what is generated from the code cannot differ from it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '[[environment]]\nname = "none"\n' >"$folder/fleet.toml"
# Without a region, the AWS SDK would look for one.
AWS_REGION=us-east-1 "${MRT:-../../target/debug/mrt}" invoke api-public ../tests/events/openapi.json \
    --fleet "$folder/fleet.toml" --data "$folder/data" >"$folder/response.json"
node -e 'process.stdout.write(JSON.parse(require("fs").readFileSync(0, "utf8")).body)' \
    <"$folder/response.json" >"$folder/openapi.json"
node_modules/.bin/openapi-typescript "$folder/openapi.json" --output src/openapi.d.ts >/dev/null
