# The front door. Each command is described after its ##, which is what `make help` prints.
# Everything a command needs is installed first, and again only when a lock file has changed.

PYTHON := .venv/bin/python
LOCALSTACK := docker/localstack
LOCALSTACK_PYTHON := $(LOCALSTACK)/.venv/bin/python
ML_HOST := docker/ml_host
ML_HOST_PYTHON := $(ML_HOST)/.venv/bin/python
MONITORING := $(addprefix .tools/monitoring/bin/,prometheus promtool alertmanager amtool)
OPENSSH := $(addprefix .tools/openssh/bin/,sshd ssh-keygen)
READY := .venv/synchronized $(LOCALSTACK)/.venv/synchronized $(ML_HOST)/.venv/synchronized $(MONITORING) $(OPENSSH)
BROWSER := .tools/browser/chromium
JUDGES := .tools/judges/built
COMPOSE := .tools/docker/cli-plugins/docker-compose
DOCKER_PLUGINS := $(COMPOSE) .tools/docker/cli-plugins/docker-buildx
LAB := @$(PYTHON) -m lab
# By its digest: tags of this image have been moved by attackers. It reads the images out of the engine.
TRIVY_IMAGE := aquasec/trivy:0.72.0@sha256:cffe3f5161a47a6823fbd23d985795b3ed72a4c806da4c4df16266c02accdd6f
TRIVY = docker run --rm --volume /var/run/docker.sock:/var/run/docker.sock $(TRIVY_IMAGE) image \
	--scanners vuln --severity CRITICAL --ignore-unfixed --exit-code 1
IMAGES = $(shell sed -nE 's/^(AIRFLOW|LOCALSTACK|ML_HOST)_IMAGE=//p' .env.example)

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status logs incident heal gameday test test-parts test-services test-lab test-compose test-incidents test-compose-incidents lint fmt lock secrets workflows scan check-dags deploy release-notes dashboards screenshots production bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install everything into this folder; the other commands do it by themselves

demo: $(READY) ## start the lab, run orders_pipeline and show its result; ORDERS=file.csv for your own orders
	$(LAB) demo $(if $(ORDERS),--orders "$(ORDERS)")

up: $(READY) ## start the lab and wait until every service is ready
	$(LAB) up

down: $(READY) ## end what `make up` started
	$(LAB) down

status: $(READY) ## show what runs, how it is and how much memory it takes
	$(LAB) status

logs: $(READY) ## follow the log of one service: NAME=scheduler; without NAME, list the names
	$(LAB) logs $(NAME)

incident: .venv/synchronized ## break something on purpose: NAME=training-crash; without NAME, list what there is
	$(LAB) incident $(NAME)

heal: .venv/synchronized ## undo every incident, and wait until its alerts are resolved
	$(LAB) heal

gameday: .venv/synchronized ## cause a series of incidents, told at its end: the same SEED=7 plays the same one; MINUTES=60
	$(LAB) gameday --seed $(or $(SEED),$(error Which one? make gameday SEED=7)) $(if $(MINUTES),--minutes $(MINUTES))

# Most of them mostly wait, for processes to start and alerts to fire: so they run side by side, and each but the first is
# shown when it is done. A + has what runs at once shown at once.
test: lint $(JUDGES) $(BROWSER) ## run every check and test: lint, then test-parts, test-services and test-lab side by side
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-parts test-services test-lab

test-parts: $(READY) $(JUDGES) $(BROWSER) ## test the parts that need no lab: DAGs, commands, rules, dashboards, pages
	+$(PYTHON) -m pytest tests --ignore=tests/alerting --ignore=tests/athena --ignore=tests/compose --ignore=tests/e2e --ignore=tests/incidents --ignore=tests/ml_host --ignore=tests/production

test-services: $(READY) $(JUDGES) ## test alerts and what production gets, Athena, the ML team's machine
	$(PYTHON) -m pytest tests/alerting tests/production
	$(LOCALSTACK_PYTHON) -m pytest tests/athena
	$(ML_HOST_PYTHON) -m pytest tests/ml_host

test-lab: $(READY) $(BROWSER) ## test a whole lab of its own: pipelines, pages, alerts that fire
	$(PYTHON) -m pytest tests/e2e

test-compose: $(READY) $(JUDGES) $(DOCKER_PLUGINS) ## build and run the lab in containers, on an engine of its own where none runs
	$(PYTHON) -m pytest tests/compose

test-incidents: $(READY) ## cause and heal every incident in a lab of its own; 25 minutes at most
	$(PYTHON) -m pytest tests/incidents -k processes

test-compose-incidents: $(READY) $(JUDGES) $(DOCKER_PLUGINS) ## the same in containers
	$(PYTHON) -m pytest tests/incidents -k containers

lint: $(READY) $(DOCKER_PLUGINS) ## check style and types, and that metrics, rules, alerts and dashboards fit together
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy lab dags data grafana bench/dags production tests/alerting tests/lab tests/grafana tests/e2e tests/dags tests/data tests/production tests/compose tests/incidents
	$(LOCALSTACK_PYTHON) -m mypy $(LOCALSTACK)/localstack_athena tests/athena bench --exclude bench/dags
	$(ML_HOST_PYTHON) -m mypy tests/ml_host
	cd $(ML_HOST) && .venv/bin/python -m mypy src sshd tests
	$(PYTHON) -m lab.lint
	$(COMPOSE) --env-file /dev/null config --quiet
	$(COMPOSE) --env-file /dev/null --file docker-compose.yml --file docker-compose.celery.yml config --quiet

fmt: $(READY) ## put the code into its standard form
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

lock: $(READY) ## compile the lock files anew, after a change of pyproject.toml
	@$(call compile,.,requirements.lock)
	@$(call compile,.,requirements.runtime.lock)
	@$(call compile,$(LOCALSTACK),requirements.lock)
	@$(call compile,$(LOCALSTACK),requirements.runtime.lock)
	@$(call compile,$(ML_HOST),requirements.lock)
	@$(call compile,$(ML_HOST),requirements.runtime.lock)

secrets: $(JUDGES) ## look for secrets in what is staged and in every commit
	.tools/judges/gitleaks git --no-banner --no-color --redact --verbose --staged
	.tools/judges/gitleaks git --no-banner --no-color --redact --verbose

workflows: $(JUDGES) ## check the workflows of .github
	.tools/judges/actionlint

scan: $(DOCKER_PLUGINS) ## build the images and look for critical vulnerabilities that have a remedy; with Docker
	DOCKER_CONFIG=$(CURDIR)/.tools/docker docker compose build
	$(foreach image,$(IMAGES),$(TRIVY) $(image) &&) true

check-dags: $(READY) ## check that every DAG file can be parsed, and asks for nothing while it is
	$(PYTHON) -m pytest tests/dags/test_dag_integrity.py

deploy: check-dags ## copy the DAGs to where an Airflow reads them: TARGET=user@host:/path/, removing what is not theirs
	@: $(or $(TARGET),$(error Where to? make deploy TARGET=user@host:/path/of/its/dags/))
	rsync --archive --checksum --delete-after --exclude=__pycache__/ dags/ "$(TARGET)"

release-notes: ## print what the changelog says of a release: TAG=v1.2.3
	@python3 -m lab.release "$(TAG)"

dashboards: $(READY) ## write grafana/generated anew, after a change of grafana/dashboards
	@$(PYTHON) -m grafana.dashboards

screenshots: $(READY) $(BROWSER) ## take the pictures of docs/screenshots anew, of the lab that is running; INCIDENT=name for those of an incident
	@$(PYTHON) -m tests.screenshots $(INCIDENT)

production: $(READY) ## write production/kubernetes and production/helm anew, after a change of what they are made of
	@$(PYTHON) -m production

bench: $(READY) $(JUDGES) $(DOCKER_PLUGINS) ## measure speed and size of a lab of its own: Athena, monitoring, start, memory; a quarter of an hour
	@$(LOCALSTACK_PYTHON) -m bench

clean: $(READY) ## end the lab and remove its state: database, S3 objects, logs
	$(LAB) clean

# Each lock file names in its header the command that compiles it.
compile = cd $(1) && sed -n '2s/^. *//p' $(2) | PATH="$(CURDIR)/.venv/bin:$$PATH" sh -e >/dev/null

.venv/synchronized: requirements.lock
	@python3 -I lab/bootstrap.py airflow

$(LOCALSTACK)/.venv/synchronized: $(LOCALSTACK)/requirements.lock $(LOCALSTACK)/pyproject.toml
	@python3 -I lab/bootstrap.py localstack

$(ML_HOST)/.venv/synchronized: $(ML_HOST)/requirements.lock
	@python3 -I lab/bootstrap.py ml_host

# A program that has gone from PATH leaves a link without a target, which counts as missing.
$(MONITORING): | .venv/synchronized
	@$(PYTHON) -m lab.monitoring_programs

$(OPENSSH): | .venv/synchronized
	@$(PYTHON) -m lab.openssh

$(JUDGES): $(wildcard tests/judges/*/go.mod tests/judges/*/go.sum) lab/judges.py | .venv/synchronized
	@$(PYTHON) -m lab.judges

$(BROWSER): | .venv/synchronized
	@$(PYTHON) -m lab.browser

$(DOCKER_PLUGINS): | .venv/synchronized
	@$(PYTHON) -m lab.docker_plugins
