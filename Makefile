.DEFAULT_GOAL := help
PYTHON ?= python3
RUN := .venv/bin/python

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

.venv/ready: requirements.txt
	@sh deploy/environment.sh $(PYTHON) requirements.txt .venv/ready

.venv/ready-dev: .venv/ready requirements-dev.txt
	@sh deploy/environment.sh $(PYTHON) requirements-dev.txt .venv/ready-dev

run: .venv/ready  ## serve the gallery on http://127.0.0.1:8000
	@$(RUN) manage.py serve

.PHONY: help run
