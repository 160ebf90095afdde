"""Airflow reads where its home is once, when it is first imported: here, before the test modules import more of it."""

import atexit
import shutil
import tempfile

import pytest

with pytest.MonkeyPatch.context() as patch:
    home = tempfile.mkdtemp(prefix="airflow-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    patch.setenv("AIRFLOW_HOME", home)
    import airflow.settings  # noqa: F401
