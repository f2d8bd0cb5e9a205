"""Fixtures that every package's tests share; each theme is a file in `tests/support`."""

from importlib.util import find_spec

from hypothesis import HealthCheck, settings

# the manifest and the DSL are tested in environments that have no database driver
_HAS_ENGINE = find_spec("pgflow_core_sql") is not None

pytest_plugins = ("tests.support.fix_clock", "tests.support.fix_pg") if _HAS_ENGINE else ()

# the machine may be busy; a slow example is no wrong one
settings.register_profile("pgflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pgflow")
