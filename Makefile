# Everything this project can be asked to do. It needs make and any Python >= 3.11; the rest is installed into .venv and .local.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What a person sets on the command line or in the environment reaches the programs by itself: PYTHON, ON, DATABASE_URL,
# LOCAL_DIR and the ports, and the settings (template.yaml's parameters in capitals, and a few of the server at home).
STAGE ?= dev
KNOWN := ON EXCHANGE MODE START END TOP QUOTES SYMBOLS DRY_RUN SAMPLE REPAIR STAGE STACK CONFIRM WITH ONLY RUN RUNTIME CONTRACT_CASES \
	KILLS KILLS_SEED \
	PYTHON DATABASE_URL WORKER_PROCESSES NOTIFY_SMTP_URL NOTIFY_SMTP_URL_FILE NOTIFY_WEBHOOK_SECRET_FILE \
	LOCAL_DIR LOCAL_API_PORT LOCAL_AWS_PORT LOCAL_EXCHANGE_PORT LOCAL_DASHBOARD_PORT
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
# The settings are read only if a name is not one of the others.
UNKNOWN := $(filter-out $(KNOWN),$(GIVEN))
ifneq ($(UNKNOWN),)
SETTINGS := $(shell sh scripts/refuse_unknown.sh)
UNKNOWN := $(filter-out $(SETTINGS),$(UNKNOWN))
endif

VENV := .venv/bin
DASHBOARD := .local/venvs/dashboard/bin
COMPILE := $(VENV)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links
A_LINE_A_PACKAGE := sed -e ':a' -e '/\\$$/{N; s/ *\\\n */ /; ta' -e '}'
# The Lambda runtime brings boto3 and what it needs. A layer without them starts faster.
IN_THE_RUNTIME := boto3 botocore python-dateutil six

.PHONY: help
help: ## Show this list
	@echo "Usage: make TARGET [NAME=value ...]"
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Homes:       ON=standalone (a server and a database; the default) | local-aws (the template on an emulator)"
	@echo "             EXCHANGE=auto|binance|simulated|replay:FOLDER|http://127.0.0.1:PORT"
	@echo "             DATABASE_URL=sqlite:////a/file.db|postgresql+psycopg://user:password@host/name"
	@echo "             LOCAL_API_PORT=5000 LOCAL_AWS_PORT=4566 LOCAL_EXCHANGE_PORT=5050 LOCAL_DASHBOARD_PORT=8501 LOCAL_DIR=.local"
	@echo "Settings:    TOP_N_CRYPTOS INTERVALS QUOTE_ASSETS COLLECTION_START_DATE BATCH_SIZE MAX_RETRIES API_KEY_REQUIRED"
	@echo "             WORKER_CONCURRENCY WORKER_PROCESSES (at home)"
	@echo "             COLLECTION_SCHEDULE='0 */6 * * *' (five cron fields, UTC) ...: they stay until they are changed"

##@ Use
.PHONY: collect
collect: setup ## Collect candles and watch it: [MODE= START= END= TOP= QUOTES= SYMBOLS= INTERVALS=1m,1h EXCHANGE= DRY_RUN=1 ON=]
	@$(VENV)/candles collect --mode "$(MODE)" --start "$(START)" --end "$(END)" --top "$(TOP)" --quotes "$(QUOTES)" \
		--symbols "$(SYMBOLS)" --intervals "$(INTERVALS)" --exchange "$(EXCHANGE)" $(if $(filter-out 0 no false,$(DRY_RUN)),--dry-run)

.PHONY: cancel
cancel: setup ## Stop the run that is active; what it stored stays: [RUN=]
	@$(VENV)/candles cancel $(RUN)

.PHONY: retry
retry: setup ## Ask again for what a run could not get, the newest that left something: [RUN=]
	@$(VENV)/candles retry $(RUN)

.PHONY: verify
verify: setup ## Compare what is stored with the exchange's: [SYMBOLS= INTERVALS= START= END= SAMPLE= REPAIR=1 EXCHANGE= ON=]
	@$(VENV)/candles verify --symbols "$(SYMBOLS)" --intervals "$(INTERVALS)" --start "$(START)" --end "$(END)" --sample "$(SAMPLE)" \
		--exchange "$(EXCHANGE)" $(if $(REPAIR),--repair)

.PHONY: coverage
coverage: setup ## Show how complete the archive is: [SYMBOLS= INTERVALS=1m,1h START= END= ON=]
	@$(VENV)/candles coverage --symbols "$(SYMBOLS)" --intervals "$(INTERVALS)" --start "$(START)" --end "$(END)"

.PHONY: serve
serve: setup ## Run the server in this terminal, with its schedules, until Ctrl-C: [EXCHANGE=]
	@$(VENV)/candles serve --exchange "$(EXCHANGE)"

.PHONY: up
up: setup ## Start the server in the background, with its schedules: [EXCHANGE= ON=]
	@$(VENV)/candles up --exchange "$(EXCHANGE)"

.PHONY: down
down: setup ## Stop what runs; everything stored stays: [ON=]
	@$(VENV)/candles down

.PHONY: status
status: setup ## Say how the archive stands and what to do, then what runs: [ON=]
	@$(VENV)/candles status

.PHONY: dashboard
dashboard: check-names ## Show the archive in a browser, until Ctrl-C (installs what that takes: 570 MB)
	@sh scripts/setup.sh dashboard
	@$(DASHBOARD)/python -m dashboard

.PHONY: logs
logs: setup ## Follow the logs (Ctrl-C ends it): [RUN= SYMBOLS= ON=]
	@$(VENV)/candles logs --follow --run "$(RUN)" --symbols "$(SYMBOLS)"

.PHONY: deploy
deploy: setup-aws ## Deploy to your AWS account: [STAGE=dev|prod], settings as above
	@$(VENV)/candles deploy $(STAGE)

.PHONY: smoke
smoke: setup-aws ## Collect 2 symbols for 2 days on a deployed stack and read them back: STACK=name
	@$(VENV)/candles smoke "$(STACK)"

.PHONY: destroy
destroy: setup-aws ## Delete a stack, after asking; its tables stay: [STAGE=dev|prod|local]
	@$(VENV)/candles destroy $(STAGE)

##@ Develop
.PHONY: setup
setup: check-names ## Install what running needs into .venv and .local, if it changed: [WITH=files|aws|dev]
	@sh scripts/setup.sh main $(WITH) $(if $(filter local-aws,$(ON)),aws localstack)

.PHONY: setup-aws
setup-aws: check-names
	@sh scripts/setup.sh aws

.PHONY: setup-dev
setup-dev: check-names
	@sh scripts/setup.sh dev localstack

.PHONY: check-names
check-names:
	@$(if $(UNKNOWN),sh scripts/refuse_unknown.sh $(UNKNOWN) -- $(KNOWN) $(SETTINGS),:)

# Tests start hundreds of processes. Each would compile all that it imports where compiled code is not kept, as images of
# Python often have it set: seconds of each, and twice the time of all (measured).
test e2e-all faults kills mutants: export PYTHONDONTWRITEBYTECODE :=

.PHONY: test
test: style ## Run every check and every test, as CI does
	@$(VENV)/python -m tests.lanes

.PHONY: e2e-all
e2e-all: setup-dev ## Run the end-to-end tests on every runtime that each can run on: [RUNTIME=standalone|postgresql|local-aws]
	@$(VENV)/python -m pytest tests/e2e --runtime $(or $(RUNTIME),all)

.PHONY: faults
faults: setup-dev ## Run the longer tests of what can go wrong
	@CORRUPTED_CASES=5000 READING_CASES=3000 CRASHED_CASES=200 $(VENV)/python -m pytest tests/unit/test_binance_rows.py \
		tests/unit/test_reading_model.py tests/integration/test_candles_table_crashes.py tests/faults

.PHONY: kills
kills: setup-dev ## Kill the archive at home 200 times, fill its disk, lock its file, kill its server: [KILLS=200 KILLS_SEED=]
	@$(VENV)/python -m pytest tests/kills -q -s

.PHONY: explore
explore: setup-dev ## Try every pair of processes at every step, and every lost reply, on DynamoDB's and SQLite's adapters
	@$(VENV)/python -m pytest tests/explore -q -k "replies or not worker and not sql" & rest=$$!; ended=0; \
		$(VENV)/python -m pytest tests/explore -q -k "not replies and (worker or sql)" || ended=$$?; \
		wait $$rest || ended=$$?; exit $$ended

.PHONY: worlds
worlds: setup-dev ## Collect from 600 exchanges of whose answers a third are wrong
	@LYING_WORLDS=600 $(VENV)/python -m pytest tests/unit/test_lying_exchange.py -q

.PHONY: mutants
mutants: setup-dev ## Put one-line defects into the code, and see which test notices each: [ONLY=domain/plan]
	@$(VENV)/python -m tests.mutants --only "$(ONLY)"

.PHONY: bench
bench: setup-dev ## Measure it beside ccxt, freqtrade and the least there is
	@$(VENV)/python -m tests.bench

.PHONY: long-runs
long-runs: setup-dev ## Count what long runs ask of an exchange that bans, gives little or has another time
	@$(VENV)/python -m tests.bench.long_runs

.PHONY: model
model: setup-dev ## Compute how long runs take on AWS and what binds, and check the model on the real handlers (10 minutes)
	@$(VENV)/python -m tests.model --check

.PHONY: clients
clients: setup-dev ## Read the archive with Binance's clients (installs them: 1.6 GB; npm's where node is there)
	@$(VENV)/python -m pytest tests/clients

.PHONY: test-dashboard
test-dashboard: setup-dev ## Test the page: each page in each state, and in a real Chromium if there is one: [RUNTIME=local-aws]
	@sh scripts/setup.sh browser
	@MYPYPATH=.:layers/common/src $(VENV)/mypy --python-executable $(DASHBOARD)/python -p dashboard -p tests.dashboard
	@PYTHONPATH=.:layers/common/src $(DASHBOARD)/python -m pytest tests/dashboard --confcutdir=tests/dashboard

.PHONY: lint
lint: style ## Check style and types
	@$(VENV)/mypy

.PHONY: style
style: setup-dev
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

.PHONY: template
template: setup-dev ## Check template.yaml and samconfig.toml
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(VENV)/sam validate --lint

.PHONY: checkov
checkov: setup-dev ## Check what SAM makes of the template with checkov (installs it: 400 MB)
	@$(VENV)/python -m tests.template.checkov

.PHONY: format
format: setup-dev ## Bring the code into the project's style
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

.PHONY: sam-local
sam-local: setup-dev ## Run every function in Lambda's image by sam local, against the local stack (needs Docker)
	@$(VENV)/python -m tests.sam_local

.PHONY: contract
contract: setup-dev ## Hold 20,000 answers to the OpenAPI document: [CONTRACT_CASES=20000]
	@CONTRACT_CASES=$(or $(CONTRACT_CASES),20000) POWERTOOLS_LOG_LEVEL=CRITICAL \
		$(VENV)/python -m pytest tests/api_contract/test_answers.py -q -s --timeout=3600

.PHONY: deployment
deployment: setup-dev ## Try, destroy and redeploy a local stack onto the tables it left, in tests
	@$(VENV)/python -m pytest tests/deployment

.PHONY: openapi
openapi: setup-dev ## Write the OpenAPI document again from routes, answers and errors
	@$(VENV)/python -m candle_collector.api.openapi_document

.PHONY: lock
lock: setup-dev ## Choose the newest versions that fit again, and write them down with their hashes
	@$(COMPILE) --upgrade pyproject.toml --extra aws --group dev --group clients --group bench | $(A_LINE_A_PACKAGE) > requirements.lock
	@$(COMPILE) --upgrade --group localstack | $(A_LINE_A_PACKAGE) > localstack.lock
	@$(COMPILE) --python-version 3.12 --upgrade --group nautilus | $(A_LINE_A_PACKAGE) > nautilus.lock
	@cd tests/clients/node && npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
	@$(COMPILE) --upgrade --constraints requirements.lock --group dashboard-tests | $(A_LINE_A_PACKAGE) > dashboard.lock
	@$(COMPILE) --constraints requirements.lock $(IN_THE_RUNTIME:%=--no-emit-package %) --group layer \
		| $(A_LINE_A_PACKAGE) > layers/common/requirements.txt

.PHONY: clean
clean: ## Stop what runs, remove what was built and installed; collected candles stay
	@[ ! -x $(VENV)/candles ] || $(VENV)/candles down
	@rm -rf .venv .local/venvs .local/uv .local/build* .local/test-* .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find functions layers background cli dashboard localstack simulator standalone scripts tests -type d -name __pycache__ -prune -exec rm -rf {} +
