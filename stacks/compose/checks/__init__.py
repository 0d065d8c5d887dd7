"""List the checks of the Docker files that need no Docker: schema, linter, rules, agreement with the native stack."""

from __future__ import annotations

from collections.abc import Callable

from stacks.compose.checks import cluster, dockerfile, parity, production, rules, seed, tools
from stacks.compose.checks.check import Check, run_check

__all__ = ["CHECKS", "Check", "run"]

CHECKS: tuple[Callable[[], Check], ...] = (
    tools.check_demo_schema,
    tools.check_production_schema,
    tools.check_cluster_schema,
    tools.check_dockerfile_style,
    rules.check_services,
    rules.check_pinned_images,
    rules.check_health_checks,
    rules.check_dependencies,
    rules.check_nothing_sleeps,
    rules.check_privileges,
    rules.check_roots_are_read_only,
    rules.check_limits,
    rules.check_ports_are_local,
    rules.check_data_is_in_volumes,
    parity.check_versions,
    parity.check_mysql_options,
    parity.check_mysql_users,
    parity.check_ports,
    parity.check_topics,
    parity.check_broker_configuration,
    parity.check_broker_memory,
    parity.check_settings_are_known,
    parity.check_commands,
    cluster.check_members,
    cluster.check_parts_agree,
    cluster.check_workers,
    cluster.check_broker_configuration,
    dockerfile.check_stages,
    dockerfile.check_connectors,
    dockerfile.check_packages,
    seed.check_containers_by_name,
    seed.check_paths,
    seed.check_source_configuration,
    seed.check_published_api,
    production.check_secrets_are_files,
    production.check_no_password_is_written,
    production.check_secrets_are_needed,
    production.check_nothing_is_plain,
    production.check_tokens,
    production.check_published_ports,
    production.check_no_demo_controls,
)


def run() -> list[Check]:
    """Run every check and return the results. A check that cannot be carried out fails with the reason."""
    return [run_check(check) for check in CHECKS]
