# Everything this project can be asked to do. It needs make and any Python >= 3.11; the rest is installed into .venv and .local.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What a person sets on the command line or in the environment reaches the programs by itself: PYTHON, LOCAL_DIR and the ports,
# and the settings that become the template's parameters (localstack/parameters.py).
STAGE ?= dev

VENV := .venv/bin
COMPILE := $(VENV)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links
A_LINE_A_PACKAGE := sed -e ':a' -e '/\\$$/{N; s/ *\\\n */ /; ta' -e '}'
# The quick ones first.
TIERS := tests/unit tests/integration tests/standalone tests/template tests/api_contract tests/e2e
# The Lambda runtime brings boto3 and what it needs. A layer without them starts faster.
IN_THE_RUNTIME := boto3 botocore python-dateutil six

.PHONY: help
help: ## Show this list
	@echo "Usage: make TARGET [NAME=value ...]"
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Local stack: EXCHANGE=auto|binance|simulated|replay:FOLDER|http://127.0.0.1:PORT"
	@echo "             LOCAL_API_PORT=5000 LOCAL_AWS_PORT=4566 LOCAL_EXCHANGE_PORT=5050 LOCAL_DIR=.local"
	@echo "Settings:    TOP_N_CRYPTOS COLLECTION_START_DATE BATCH_SIZE_HOURS MAX_RETRIES API_KEY_REQUIRED"
	@echo "             COLLECTION_SCHEDULE='0 */6 * * *' (five cron fields, UTC) ...: they reach the template's parameters"

##@ Use
.PHONY: collect
collect: setup ## Collect candles on the local stack and watch it: [MODE= START= END= TOP= SYMBOLS= EXCHANGE=]
	@$(VENV)/candles collect --mode "$(MODE)" --start "$(START)" --end "$(END)" --top "$(TOP)" --symbols "$(SYMBOLS)" \
		--exchange "$(EXCHANGE)"

.PHONY: verify
verify: setup ## Compare what is stored with the exchange's: [SYMBOLS= START= END= SAMPLE= REPAIR=1 EXCHANGE=]
	@$(VENV)/candles verify --symbols "$(SYMBOLS)" --start "$(START)" --end "$(END)" --sample "$(SAMPLE)" \
		--exchange "$(EXCHANGE)" $(if $(REPAIR),--repair)

.PHONY: coverage
coverage: setup ## Show how complete the archive on the local stack is: [SYMBOLS= START= END=]
	@$(VENV)/candles coverage --symbols "$(SYMBOLS)" --start "$(START)" --end "$(END)"

.PHONY: up
up: setup ## Start the local stack and deploy what has changed: [EXCHANGE=]
	@$(VENV)/candles up --exchange "$(EXCHANGE)"

.PHONY: down
down: setup ## Stop the local stack; everything stored stays
	@$(VENV)/candles down

.PHONY: status
status: setup ## Show what of the local stack runs, and where
	@$(VENV)/candles status

.PHONY: logs
logs: setup ## Follow the logs of the functions on the local stack (Ctrl-C ends it)
	@$(VENV)/candles logs --follow

.PHONY: deploy
deploy: setup ## Deploy to your AWS account: [STAGE=dev|prod], settings as above
	@$(VENV)/candles deploy $(STAGE)

.PHONY: smoke
smoke: setup ## Collect 2 symbols for 2 days on a deployed stack and read them back: STACK=name
	@$(VENV)/candles smoke "$(STACK)"

.PHONY: destroy
destroy: setup ## Delete a stack, after asking; its tables stay: [STAGE=dev|prod|local]
	@$(VENV)/candles destroy $(STAGE)

##@ Develop
.PHONY: setup
setup: ## Install what is needed into .venv and .local, if it changed
	@sh scripts/setup.sh main localstack

.PHONY: test
test: lint template ## Run every check and every test, as CI does
	@$(VENV)/python -m pytest $(TIERS)
	@$(VENV)/python -m tests.mutants --sample 8

.PHONY: faults
faults: setup ## Run the longer tests of what can go wrong
	@CORRUPTED_CASES=5000 READING_CASES=3000 $(VENV)/python -m pytest \
		tests/unit/test_binance_rows.py tests/unit/test_reading_model.py tests/faults

.PHONY: explore
explore: setup ## Try every pair of processes at every step, and every lost reply, on DynamoDB's adapters
	@LYING_WORLDS=600 $(VENV)/python -m pytest tests/unit/test_lying_exchange.py tests/explore -q \
		-k "not (interleavings and worker)" & \
		$(VENV)/python -m pytest tests/explore/test_interleavings.py -q -k worker && wait $$!

.PHONY: mutants
mutants: setup ## Put one-line defects into the code, and see which test notices each: [ONLY=domain/plan]
	@$(VENV)/python -m tests.mutants --only "$(ONLY)"

.PHONY: bench
bench: setup ## Measure it beside ccxt, freqtrade and the least there is
	@$(VENV)/python -m tests.bench

.PHONY: long-runs
long-runs: setup ## Count what long runs ask of an exchange that bans, gives little or has another time
	@$(VENV)/python -m tests.bench.long_runs

.PHONY: clients
clients: setup ## Read the archive with Binance's clients (installs them: 630 MB)
	@$(VENV)/python -m pytest tests/clients

.PHONY: lint
lint: setup ## Check style and types
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy

.PHONY: template
template: setup ## Check template.yaml and samconfig.toml
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(VENV)/sam validate --lint

.PHONY: format
format: setup ## Bring the code into the project's style
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

.PHONY: sam-local
sam-local: setup ## Run every function in Lambda's image by sam local, against the local stack (needs Docker)
	@$(VENV)/python -m tests.sam_local

.PHONY: contract
contract: setup ## Hold 20,000 answers to the OpenAPI document: [CONTRACT_CASES=20000]
	@CONTRACT_CASES=$(or $(CONTRACT_CASES),20000) POWERTOOLS_LOG_LEVEL=CRITICAL \
		$(VENV)/python -m pytest tests/api_contract/test_answers.py -q -s --timeout=3600

.PHONY: deployment
deployment: setup ## Try, destroy and redeploy a local stack onto the tables it left, in tests
	@$(VENV)/python -m pytest tests/deployment

.PHONY: openapi
openapi: setup ## Write the OpenAPI document again from routes, answers and errors
	@$(VENV)/python -m candle_collector.api.openapi_document

.PHONY: lock
lock: setup ## Choose the newest versions that fit again, and write them down with their hashes
	@$(COMPILE) --upgrade pyproject.toml --extra aws --group dev --group clients --group bench | $(A_LINE_A_PACKAGE) > requirements.lock
	@$(COMPILE) --upgrade --group localstack | $(A_LINE_A_PACKAGE) > localstack.lock
	@$(COMPILE) --constraints requirements.lock $(IN_THE_RUNTIME:%=--no-emit-package %) --group layer \
		| $(A_LINE_A_PACKAGE) > layers/common/requirements.txt

.PHONY: clean
clean: ## Stop the local stack, remove what was built and installed; collected candles stay
	@[ ! -x $(VENV)/candles ] || $(VENV)/candles down
	@rm -rf .venv .local/venvs .local/build* .local/test-* .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find functions layers cli localstack simulator standalone scripts tests -type d -name __pycache__ -prune -exec rm -rf {} +
