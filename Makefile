# Everything one does with this repository: `make run` for the demo, `make test` before a push, `make help` for the rest.
# ARGS goes to the program behind a target: make run ARGS="--help", make test ARGS="a_part_of_a_name".

.DEFAULT_GOAL := help
.PHONY: help run test lint deny bench bench-listing bench-tables package deploy reset
.NOTPARALLEL:

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: ## Starts the demo, real data that move, no AWS account: prints where the dashboard is (Ctrl-C ends it)
	@infra/test/install.sh postgres
	cargo build --locked --package local
	@exec "$${CARGO_TARGET_DIR:-target}/debug/mrt" serve --demo $(ARGS)

test: ## Runs every test, beside the real services that it installs and starts
	@exec infra/test/run.sh $(ARGS)

lint: ## Checks layout, lints and documentation; a warning is an error
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

deny: ## Checks the dependencies: banned crates, licences (.deny.toml)
	@infra/test/install.sh cargo-deny
	.mrt/tools/bin/cargo-deny --locked check bans licenses

bench: ## Measures the release binaries: size, start and answers, beside Python's
	cargo build --release --locked --package api --package collector --bins
	@exec infra/bench/run.sh $(ARGS)

bench-listing: ## Measures listings of synthetic buckets, beside s5cmd, rclone and awscli
	cargo build --release --locked --package synthetic-s3 --package collector --bin synthetic-s3 --example list-bucket
	@exec infra/bench/listing.sh $(ARGS)

bench-tables: ## Measures table sizes of 10,000 tables, beside the queries of other programs
	cargo build --release --locked --package collector --example measure-database
	@exec infra/bench/tables.sh $(ARGS)

package: ## Builds the functions' zips, each within its budget: ARCH=arm64 or x86_64, RDS_CA_BUNDLE=file
	@exec infra/aws/package.sh

deploy: ## Builds and deploys to AWS, asking what it needs to know: RDS_CA_BUNDLE=file or none
	@exec infra/aws/package.sh deploy $(ARGS)

reset: ## Forgets the demo's data and the local snapshots
	rm -rf .mrt/demo .mrt/mrt.db*
