from pathlib import Path
from statistics import mean

import generate_credit_applications
import pytest
from generate_credit_applications import Application


@pytest.fixture(scope="module")
def decided() -> list[Application]:
    return [application for application in generate_credit_applications.applications() if application.defaulted]


def _defaults(applications: list[Application]) -> float:
    return mean(application.defaulted == "true" for application in applications)


def test_the_committed_file_is_what_the_generator_writes(tmp_path: Path) -> None:
    regenerated = tmp_path / "credit_applications.csv"
    generate_credit_applications.write_applications(regenerated)
    same = regenerated.read_bytes() == generate_credit_applications.OUTPUT.read_bytes()
    assert same, "run python data/generate_credit_applications.py and commit data/credit_applications.csv"


def test_the_last_applications_have_no_outcome_yet(decided: list[Application]) -> None:
    every = list(generate_credit_applications.applications())
    assert len({application.application_id for application in every}) == len(every) == 6_000
    assert every[:5_400] == decided
    assert {application.defaulted for application in decided} == {"true", "false"}


def test_a_default_follows_from_the_burden_and_not_from_the_country(decided: list[Application]) -> None:
    assert 0.1 < _defaults(decided) < 0.3
    countries = {"BR": 0.4, "US": 0.6}
    of_country = {name: [one for one in decided if one.country == name] for name in countries}
    for name, share in countries.items():
        assert len(of_country[name]) / len(decided) == pytest.approx(share, abs=0.02)
    assert _defaults(of_country["BR"]) == pytest.approx(_defaults(of_country["US"]), abs=0.03)

    indebted = [one for one in decided if one.debt_usd > 0.5 * one.income_usd]
    unburdened = [one for one in decided if one.debt_usd < 0.1 * one.income_usd and not one.late_payments]
    assert _defaults(indebted) > 2 * _defaults(unburdened)
    late = [one for one in decided if one.late_payments >= 2]
    punctual = [one for one in decided if not one.late_payments]
    assert _defaults(late) > 1.5 * _defaults(punctual)
