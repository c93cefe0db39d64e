"""The checks of a project's sources, in the order of their findings."""

from publisher.checks.build_system import check_build_system, check_own_table
from publisher.checks.fields import check_fields
from publisher.checks.licensing import check_classifiers, check_license
from publisher.checks.readme import check_readme
from publisher.checks.requirements import check_requirements

CHECKS = (
    check_fields,
    check_requirements,
    check_classifiers,
    check_license,
    check_readme,
    check_build_system,
    check_own_table,
)
