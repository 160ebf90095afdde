"""Failures that a person can do something about, each with the exit code by which a scheduler tells them apart.

The codes are those of sysexits.h as far as it has one; 1 is what pytest returns for a failed test.
"""

import os


class Failure(Exception):  # noqa: N818 - the kinds below are failures of the world, not of the program
    """What happened, where, and what to do next, as one message."""

    exit_code = 1


class CheckFailed(Failure):
    """A model was trained and is not good enough. Another try would find the same."""


class DataUnusable(Failure):
    """The data are there, but not as agreed: a column is missing, of another type, or empty."""

    exit_code = os.EX_DATAERR


class InputMissing(Failure):
    """The datamart, or the features of a run, are not there."""

    exit_code = os.EX_NOINPUT


class ServiceAway(Failure):
    """S3 or the model registry does not answer. Another try may succeed."""

    exit_code = os.EX_UNAVAILABLE


class PromotionRefused(Failure):
    """A version may not become the champion; the champion stays who it was."""

    exit_code = os.EX_NOPERM


class ConfigurationWrong(Failure):
    """A setting is missing or senseless."""

    exit_code = os.EX_CONFIG
