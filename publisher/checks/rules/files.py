"""Rules about built files."""

from publisher.checks.violations import Enforcement, Rule, Severity

RULES = (
    Rule(
        "PP701",
        Severity.ERROR,
        "Installers can read the metadata",
        "A wrong version, specifier or requirement there ends every installation.",
        "Correct the field in `pyproject.toml`, or update the build backend.",
    ),
    Rule(
        "PP702",
        Severity.ERROR,
        "The description renders",
        "Public indexes refuse reStructuredText that does not render; this one shows its source.",
        "Correct the README.",
        publish=Enforcement.WARNING,
    ),
    Rule(
        "PP703",
        Severity.ERROR,
        "Wheel and sdist have one version",
        "They are not one release.",
        "Remove older files, and build both again.",
    ),
    Rule(
        "PP704",
        Severity.WARNING,
        "Wheel and sdist have the same requirements",
        "An installation from the sdist differs from one from the wheel.",
        "Write dependencies in `pyproject.toml`, not in code that runs at the build.",
    ),
    Rule(
        "PP705",
        Severity.ERROR,
        "The wheel has all modules of its packages",
        "Importing them fails on every machine but yours.",
        "Let the backend find all packages; a folder without `__init__.py` may be the reason.",
        publish=Enforcement.OFF,
    ),
    Rule(
        "PP706",
        Severity.WARNING,
        "The wheel has all data files of its packages",
        "Reading them fails on every machine but yours.",
        "List them for the backend, as `package-data` in setuptools, or move them out of the package.",
    ),
    Rule(
        "PP707",
        Severity.WARNING,
        "The wheel's folders are the project's own",
        "Top-level names like `tests`, `docs` or `src` are shared by all packages of an environment, which overwrite "
        "each other's files.",
        "Tell the backend which packages to include.",
    ),
    Rule(
        "PP708",
        Severity.ERROR,
        "The wheel has no bytecode",
        "It is for one version of Python, and never updated.",
        "Leave `__pycache__` and `*.pyc` out; often they are committed, or in the package's data.",
        publish=Enforcement.OFF,
    ),
    Rule(
        "PP709",
        Severity.ERROR,
        "The wheel is not empty",
        "It installs nothing.",
        "Tell the backend where the packages are.",
        publish=Enforcement.OFF,
    ),
    Rule(
        "PP710",
        Severity.WARNING,
        "A package with annotations has `py.typed`",
        "Type checkers ignore the annotations of a package without it (PEP 561).",
        "Add an empty file `py.typed` to the package.",
    ),
    Rule(
        "PP711",
        Severity.NOTE,
        "No file is included twice",
        "Often one of them is left over from a move.",
        "Remove one.",
    ),
    Rule(
        "PP712",
        Severity.WARNING,
        "Modules can be imported from their place",
        "Files at the top of the wheel that are not modules, folders without modules, and names that are not "
        "identifiers are installed and can't be used.",
        "Move it into a package.",
    ),
    Rule(
        "PP713",
        Severity.ERROR,
        "The file contains no secrets",
        "Everyone who may download the file can read them, and they stay in every copy. Keys below a folder of tests "
        "don't count.",
        "Remove the file, and change the password or key in it.",
        publish=Enforcement.WARNING,
    ),
    Rule(
        "PP714",
        Severity.WARNING,
        "The file has at most 100 MB",
        "Public indexes refuse larger ones, and every installation has to wait.",
        "List its contents (`python -m zipfile -l FILE.whl`, `tar -tzf FILE.tar.gz`), and leave out what does not "
        "belong.",
    ),
    Rule(
        "PP715",
        Severity.WARNING,
        "License files are in the wheel",
        "Most licenses require that their text is included.",
        'Name it: `license-files = ["LICENSE"]`.',
    ),
    Rule(
        "PP716",
        Severity.NOTE,
        "There is a description",
        "The project's page on the index is empty.",
        'Add `readme = "README.md"` to `[project]`.',
        publish=Enforcement.WARNING,
    ),
    Rule(
        "PP717",
        Severity.ERROR,
        "The metadata follows its specification",
        "Public indexes refuse the file today; those that have carried it for years, this index and installers accept "
        "it.",
        "Correct the field in `pyproject.toml`, or update the build backend.",
        publish=Enforcement.WARNING,
    ),
    Rule(
        "PP718",
        Severity.WARNING,
        "The description has a content type",
        "Indexes take a description without one for reStructuredText, and show Markdown as one long paragraph.",
        'Write `readme = "README.md"`, from whose name the backend knows the type.',
    ),
    Rule(
        "PP719",
        Severity.ERROR,
        "`WHEEL` and `RECORD` are valid",
        "Installers refuse a wheel whose description or list of files is wrong.",
        "Build the wheel again; tools that change it afterwards have to update both.",
        publish=Enforcement.OFF,
    ),
)
