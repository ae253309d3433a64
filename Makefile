.DEFAULT_GOAL := help
PYTHON ?= python3
RUN := .venv/bin/python
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
# Compiled Python files make every start after the first several seconds faster, so they are always kept.
unexport PYTHONDONTWRITEBYTECODE

help:  ## show this list
	@grep -hE '^[a-z.-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

.venv/ready: requirements.txt requirements-build.txt
	@sh deploy/environment.sh $(PYTHON) requirements.txt .venv/ready

.venv/ready-dev: requirements-dev.txt requirements-build.txt
	@sh deploy/environment.sh $(PYTHON) requirements-dev.txt .venv/ready-dev
	@touch .venv/ready

run: .venv/ready  ## serve the gallery on http://127.0.0.1:8000
	@$(RUN) manage.py serve

demo: .venv/ready  ## the same, filled with generated pictures
	@$(RUN) manage.py demo

fleet: .venv/ready-dev  ## the services of docker-compose.yml without containers: make fleet [PORT=8080 WEB=2 WORKER=2]
	@sh deploy/install_services.sh postgresql redis nginx curl
	@$(RUN) -m deploy.fleet

.env:  ## the settings that docker compose needs, with a new secret key
	@sh deploy/dotenv.sh .env

test: .venv/ready-dev  ## pass every test: make test [ARGS=tests/imgs]
	@sh deploy/install_services.sh postgresql redis nginx curl chromium
	@$(RUN) -m pytest $(ARGS)

check: .venv/ready-dev  ## format, lint, types, import layers, migrations, templates
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(RUN) manage.py makemigrations --check --dry-run
	@$(RUN) manage.py check
	@.venv/bin/djlint templates --lint --quiet
	@.venv/bin/oxlint static/js --deny-warnings

faults: .venv/ready-dev  ## break every part at random moments, ten times each; prints a table of what came of it
	@sh deploy/install_services.sh postgresql redis nginx curl
	@$(RUN) -m tests.faults $(ARGS)

bench: .venv/ready-dev  ## every benchmark beside its peers; writes bench/results.json
	@sh deploy/install_services.sh postgresql redis nginx curl
	@$(RUN) -m bench

soak: .venv/ready-dev  ## screens that stay on for days, in minutes: make soak [MINUTES=10]
	@sh deploy/install_services.sh chromium
	@$(RUN) -m tests.soak --minutes $(or $(MINUTES),10)

messages: .venv/ready-dev  ## collect the texts to translate, then compile the translations
	@$(RUN) manage.py makemessages --all --no-location --no-obsolete --ignore '.venv/*' --ignore 'static/*'
	@$(RUN) manage.py makemessages --all --no-location --no-obsolete --domain djangojs --ignore '.venv/*' --ignore 'static/vendor/*' --ignore 'var/*'
	@$(RUN) manage.py compilemessages --ignore '.venv/*'

lock: .venv/ready-dev  ## pin the newest allowed versions of all packages
	@rm -f requirements*.txt
	@$(COMPILE) --group build -o requirements-build.txt
	@$(COMPILE) pyproject.toml -o requirements.txt
	@$(COMPILE) pyproject.toml --group dev -o requirements-dev.txt

.PHONY: help run demo fleet test faults check bench soak messages lock
