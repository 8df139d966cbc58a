#!/usr/bin/env bash
# Builds and packs the functions: `make package` and `make deploy`.
#
#   infra/aws/package.sh                     the zips, within their budgets, in target/package/<architecture>/
#   infra/aws/package.sh deploy [--yes]      the zips, then what DEPLOY says: deploy.py
#   infra/aws/package.sh release             the zips for both architectures and a template, in target/release-aws/
#   infra/aws/package.sh new PROFILE         writes DEPLOY: trial or network
#   infra/aws/package.sh adopt STACK REGION  writes DEPLOY from a stack that runs
#
#   MRT_VERSION    what /health tells as version; default: the commit
#   DEPLOY         the deployment's file, by default deploy.toml: infra/README.md, "Deploy from nothing"
#   ARCH           arm64 (default, as in the template) or x86_64
#   RDS_CA_BUNDLE  file with the authorities of the databases' certificates, or `none`: infra/README.md, "Packaging"
#
# Uses the same compiler and flags as `sam build`: cargo-lambda with Zig. Contents and size budgets of the zips: zips.py.
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

# Builds each crate from its folder, like sam, so that Cargo reuses the artefacts. `/health` tells the commit.
build() {
    local flag=--arm64 crate
    if [[ -z ${MRT_VERSION-} ]] && MRT_VERSION=$(git -C "$repository" describe --always --dirty 2>/dev/null); then
        export MRT_VERSION
    fi
    [[ $architecture == arm64 ]] || flag=--x86-64
    for crate in api collector; do
        (cd "$repository/$crate" && cargo lambda build --release --locked "$flag")
    done
}

# Packs what `build` built.
pack() {
    package=$target_folder/package/$architecture
    say "packing for $architecture:"
    python3 -B "$here/zips.py" pack "$target_folder/lambda" "$package"
    say "in ${package#"$repository/"}"
}

python() { "$repository/.mrt/venv/deploy/bin/python" -B "$@"; }

case "${RDS_CA_BUNDLE-}" in
    '' | none) ;;
    *) RDS_CA_BUNDLE=$(realpath -- "$RDS_CA_BUNDLE") && export RDS_CA_BUNDLE ;;
esac
deployment=$(realpath -- "${DEPLOY:-deploy.toml}")
ensure_python
# Checked before building: without it, only users would notice.
case ${1-} in
    deploy | release) python3 -B "$here/zips.py" authorities ;;
esac
ensure_venv deploy
export PATH=$repository/.mrt/venv/deploy/bin:$PATH SAM_CLI_TELEMETRY=0
case ${1-} in
    '')
        choose_target
        build
        pack
        ;;
    release)
        packages=()
        for architecture in arm64 x86_64; do
            wanted=$architecture
            choose_target
            [[ $architecture == "$wanted" ]] || fail "a release has both architectures, and rustc has no target for $wanted"
            build
            pack
            packages+=("$package")
        done
        python "$here/release.py" "$target_folder/release-aws" "${packages[@]}"
        say "release: ${target_folder#"$repository/"}/release-aws"
        ;;
    deploy)
        shift
        choose_target
        build
        pack
        python "$here/release.py" "$target_folder/deploy-aws" "$package"
        if grep -q '^fleet *=' "$deployment"; then
            (cd "$repository" && cargo build --locked --package local)
            export MRT=${CARGO_TARGET_DIR:-$repository/target}/debug/mrt
        fi
        python "$here/deploy.py" deploy "$deployment" "$target_folder/deploy-aws" "$@"
        ;;
    new | adopt)
        python "$here/deploy.py" "$1" "$deployment" "${@:2}"
        ;;
    *) fail "usage: infra/aws/package.sh [deploy [--yes] | release | new PROFILE | adopt STACK REGION]" ;;
esac
