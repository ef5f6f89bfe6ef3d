# The commands of Farewell. PORT=8001 and every other setting can be given on the command line: make run PORT=8001
.DEFAULT_GOAL := help
# Checking types loads the settings, and these want the two that have no default. Nothing is connected to.
lint: export SECRET_KEY = lint
lint: export DATABASE_URL = postgres://localhost/lint

.PHONY: help run demo-data test search lint bench scorecard accuracy languages pictures requirements setup-dev

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start Farewell with a demo on http://127.0.0.1:8000; Ctrl-C stops it
	@exec bin/run

test: lint ## Check style and types, then run all tests with PostgreSQL and Chromium
	@bin/test

search: ## Try property tests on new examples, many times as many: make search TIMES=100
	@FAREWELL_SEARCH=$(or $(TIMES),20) bin/test -m hypothesis -n 2

# A Python that was built without SQLite will do, therefore the plain cache.
lint: setup-dev ## Check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --no-sqlite-cache .

bench: setup-dev ## Measure speed and memory, side by side with plain programs
	@.venv/bin/python -m bench

scorecard: setup-dev ## Replay robots and people against the server, under eight ways to unsubscribe
	@FAREWELL_CHROMIUM=$$(bin/chromium) .venv/bin/python -m scorecard

accuracy: setup-dev ## Measure how many robots' agents are known, on lists that were not used for it
	@.venv/bin/python -m accuracy

languages: setup-dev ## Let the catalogues follow the templates and the code, and show how far each language is
	@.venv/bin/python -m languages collect
	@.venv/bin/python -m languages status

pictures: setup-dev ## Photograph every public page and mail in every language into var/pictures
	@FAREWELL_CHROMIUM=$$(bin/chromium) .venv/bin/python -m languages pictures

demo-data: ## Make up a year of mailings, to see the admin full: make demo-data SIZE=200000
	@bin/setup requirements.txt
	@.venv/bin/python manage.py migrate --verbosity 0
	@.venv/bin/python manage.py demo_data --interactions $(or $(SIZE),100000)
	@.venv/bin/python manage.py count_interactions

requirements: setup-dev ## Pin the newest packages that requirements*.in allow
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.12 --generate-hashes \
		--no-emit-index-url -o requirements.txt requirements.in
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.12 --generate-hashes \
		--no-emit-index-url -o requirements-dev.txt requirements-dev.in

setup-dev:
	@bin/setup requirements.txt requirements-dev.txt
