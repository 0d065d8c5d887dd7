"""List the checks of the Docker files that need no Docker: schema, linter, rules, agreement with the native stack."""

from __future__ import annotations

from collections.abc import Callable

from stacks.compose.checks import dockerfile, parity, production, rules, seed, tools
from stacks.compose.checks.check import Check, run_check

__all__ = ["CHECKS", "Check", "run"]

CHECKS: tuple[Callable[[], Check], ...] = (
    tools.schema_of_the_demo,
    tools.schema_of_production,
    tools.linted_dockerfile,
    rules.services,
    rules.pinned_images,
    rules.health_checks,
    rules.dependencies,
    rules.no_sleeping,
    rules.unprivileged,
    rules.read_only,
    rules.limited,
    rules.published_here_only,
    rules.data_in_volumes,
    parity.versions,
    parity.mysql_options,
    parity.mysql_users,
    parity.ports,
    parity.topics,
    parity.broker_configuration,
    parity.broker_memory,
    parity.settings_known,
    parity.commands,
    dockerfile.stages,
    dockerfile.connectors,
    dockerfile.packages,
    seed.containers_by_name,
    seed.paths,
    seed.source_configuration,
    seed.published_api,
    production.secrets_from_files,
    production.no_password,
    production.secrets_where_needed,
    production.nothing_else_published,
    production.no_demo_controls,
)


def run() -> list[Check]:
    """Run every check and return the results. A check that cannot be carried out fails with the reason."""
    return [run_check(check) for check in CHECKS]
