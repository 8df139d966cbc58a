#!/usr/bin/env bash
# Builds and packs the functions: `make package` and `make deploy`.
#
#   infra/aws/package.sh                     the zips, within their budgets, in target/package/<architecture>/
#   infra/aws/package.sh deploy [ARG...]     sam build, adding the databases' authorities, sam deploy --guided ARG...
#
#   ARCH           arm64 (default, as in the template) or x86_64
#   RDS_CA_BUNDLE  file with the authorities of the databases' certificates, or `none`: infra/README.md, "Packaging"
#
# Uses the same compiler and flags as sam: cargo-lambda with Zig, so that sam reuses what is built here. Contents and
# size budgets of the zips: zips.py.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../test/install.sh
. "$here/../test/install.sh"

architecture=${ARCH:-arm64}
target_folder=${CARGO_TARGET_DIR:-$repository/target}

# Sets `target` for the architecture; falls back to x86_64 if rustc lacks the other one.
choose_target() {
    case $architecture in
        arm64) target=aarch64-unknown-linux-gnu ;;
        x86_64) target=x86_64-unknown-linux-gnu ;;
        *) fail "ARCH is '$architecture', allowed are arm64 and x86_64" ;;
    esac
    [[ -d $(rustc --print sysroot)/lib/rustlib/$target/lib ]] && return
    say "rustc has no $target: asking rustup for it"
    if timeout 120 rustup target add "$target" >&2; then
        return
    fi
    [[ $architecture == arm64 ]] || fail "rustc has no $target: run 'rustup target add $target'"
    say "warning: no $target could be installed, so this builds for x86_64: deploy it with ARCH=x86_64"
    architecture=x86_64
    choose_target
}

# Builds each crate from its folder, like sam, so that Cargo reuses the artefacts.
build() {
    local flag=--arm64 crate
    [[ $architecture == arm64 ]] || flag=--x86-64
    for crate in api collector; do
        (cd "$repository/$crate" && cargo lambda build --release --locked "$flag")
    done
}

case "${RDS_CA_BUNDLE-}" in
    '' | none) ;;
    *) RDS_CA_BUNDLE=$(realpath -- "$RDS_CA_BUNDLE") && export RDS_CA_BUNDLE ;;
esac
ensure_python
# Checked before building: without it, only users would notice.
[[ ${1-} != deploy ]] || python3 -B "$here/zips.py" authorities
ensure_venv deploy
export PATH=$repository/.mrt/venv/deploy/bin:$PATH SAM_CLI_TELEMETRY=0
choose_target
build
case ${1-} in
    '')
        out=$target_folder/package/$architecture
        say "packing for $architecture:"
        python3 -B "$here/zips.py" pack "$target_folder/lambda" "$out"
        say "in ${out#"$repository/"}"
        ;;
    deploy)
        shift
        cd "$here"
        sam build --parameter-overrides "Architecture=$architecture"
        python3 -B zips.py complete .aws-sam/build
        exec sam deploy --guided --parameter-overrides "Architecture=$architecture" "$@"
        ;;
    *) fail "usage: infra/aws/package.sh [deploy [ARG...]]" ;;
esac
