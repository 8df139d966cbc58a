# Every command of this repository: `make run` starts the demo, `make test` runs before a push, `make help` lists the rest.
# ARGS goes to the program behind a target: make run ARGS="--help", make test ARGS="a_part_of_a_name".

.DEFAULT_GOAL := help
.PHONY: help run dashboard dashboard-types screenshots test test-infra fuzz soak lint deny bench bench-listing bench-tables bench-metrics bench-history bench-inventory bench-masking bench-fleet package release deploy deploy-file reset
.NOTPARALLEL:

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: ## Starts the demo on real, changing data, without an AWS account, and prints its URL (Ctrl-C stops it)
	@infra/test/install.sh postgres
	cargo build --locked --package local
	@exec "$${CARGO_TARGET_DIR:-target}/debug/mrt" serve --demo $(ARGS)

dashboard: ## Builds the page that `GET /` serves from api/dashboard/, into api/dashboard/dist/, which is kept in the repository
	cargo build --workspace --locked --bins
	@infra/test/install.sh node
	@MRT="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/mrt" api/dashboard/types.sh
	cd api/dashboard && npm run --silent build

test: ## Runs every test with real services, which it installs, starts and stops; ARGS selects tests of the workspace
	@exec infra/test/run.sh $(ARGS)

test-infra: ## Runs only the deployment's tests, which `make test` includes; ARGS names files, such as test_1_template
	cargo build --workspace --locked --bins
	@exec infra/test/services.sh infra/aws/tests/run.sh $(ARGS)

fuzz: ## Reads damaged pages with our scanner and with the SDK for a minute; MRT_FUZZ_SECONDS=N, and MRT_FUZZ_SEED=N from a seed on
	@MRT_FUZZ_SEED=$${MRT_FUZZ_SEED:-$$(date +%s)} MRT_FUZZ_SECONDS=$${MRT_FUZZ_SECONDS:-60} cargo test --quiet --locked --package collector --test it -- storage_size::fuzz --ignored --nocapture

soak: ## Soaks a demo for some minutes: load, kills, a full disk, a frozen database; ARGS="--seconds 5 --kills 2" shortens it
	cargo build --workspace --locked --bins
	@infra/test/install.sh postgres
	@exec python3 infra/test/soak.py "$${CARGO_TARGET_DIR:-target}/debug/mrt" $(ARGS)

lint: ## Checks formatting, lints, documentation, the OpenAPI document and the dashboards; a warning is an error
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo build --workspace --locked --bins
	@MRT="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/mrt" infra/openapi/lint.sh
	@infra/grafana/lint/run.sh

deny: ## Checks the dependencies: banned crates, licences, and advisories if their database can be had (.deny.toml)
	@infra/test/install.sh cargo-deny
	.mrt/tools/bin/cargo-deny --locked check bans licenses
	@if timeout 60 .mrt/tools/bin/cargo-deny --locked fetch db >/dev/null 2>&1; then \
	    .mrt/tools/bin/cargo-deny --locked check advisories; \
	else \
	    echo "advisories: not checked: https://github.com/rustsec/advisory-db cannot be reached"; \
	fi

dashboard-types: ## Writes the types of the API for an editor of the dashboard, from the OpenAPI document of this code
	cargo build --workspace --locked --bins
	@infra/test/install.sh node
	@MRT="$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/mrt" api/dashboard/types.sh

screenshots: ## Writes the pictures of the documents, docs/screenshots/, from the demo
	cargo build --workspace --locked --bins
	@infra/test/install.sh node
	@infra/test/install.sh chromium
	cd api/dashboard && npm run --silent screenshots

bench: ## Measures the release binaries next to a Python peer: size, start, answers
	cargo build --release --locked --package api --package collector --bins
	@exec infra/bench/run.sh $(ARGS)

bench-listing: ## Measures listings of synthetic buckets next to s5cmd, rclone and the AWS CLI; MRT_BENCH_SEED repeats its random shapes
	cargo build --release --locked --package synthetic-s3 --package collector --bin synthetic-s3 --example list-bucket --example list-bucket-sdk
	@exec infra/bench/listing.sh $(ARGS)

bench-tables: ## Measures the sizing of 10,000 tables next to the queries of other programs
	cargo build --release --locked --package collector --example measure-database
	@exec infra/bench/tables.sh $(ARGS)

bench-masking: ## Measures which share of generated secrets and of harmless constants is shown; MRT_BENCH_SEED repeats a run
	@MRT_BENCH_SEED=$${MRT_BENCH_SEED:-$$(date +%s)} cargo test --quiet --locked --package api --test it -- masking_bench --ignored --nocapture

bench-fleet: ## Simulates a month of 1,000 environments and prints what it uses and costs; MRT_BENCH_ENVIRONMENTS, _DAYS, _TABLES, _SEED
	@MRT_BENCH_SEED=$${MRT_BENCH_SEED:-$$(date +%s)} cargo test --quiet --locked --package local --test month -- a_month --ignored --nocapture

bench-metrics: ## Measures /metrics of 1,000 environments: pages of queries, bytes, processor time
	cargo build --release --locked --package api --example measure-metrics
	@"$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release/examples/measure-metrics"

bench-history: ## Measures the history of 500 and 5,000 tables: bytes, pages, units of DynamoDB, processor time
	cargo build --release --locked --package shared --example measure-history
	@exec infra/bench/history.sh $(ARGS)

bench-inventory: ## Measures reports of S3 Inventory of 100,000,000 rows next to DuckDB and pyarrow
	cargo build --release --locked --package s3-inventory --example sum_files
	@exec infra/bench/inventory.sh $(ARGS)

package: ## Builds the functions' zips within their size budget: ARCH=arm64 or x86_64, RDS_CA_BUNDLE=file
	@exec infra/aws/package.sh

release: ## Builds what CloudFormation deploys without a compiler, for both architectures: RDS_CA_BUNDLE=file or none
	@exec infra/aws/package.sh release

deploy: ## Builds, shows what will change on AWS, asks once and deploys: DEPLOY=deploy.toml, RDS_CA_BUNDLE=file or none
	@exec infra/aws/package.sh deploy $(ARGS)

deploy-file: ## Writes a deployment's file: PROFILE=trial or network, or STACK=name REGION=region of one that runs; DEPLOY=file
	@exec infra/aws/package.sh $(if $(STACK),adopt "$(STACK)" "$(REGION)",new "$(PROFILE)")

reset: ## Deletes the demo's data and the local snapshots
	rm -rf .mrt/demo .mrt/mrt.db*
