"""The house keeps its shape: who may import whom, and what a shared module may know."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_replies.sources import SOURCES
from tap_replies.stream import ApiStream
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tap_replies"
MOST_LINES = 300

FOUNDATION = {
    "ahead",
    "answers",
    "asking",
    "clean",
    "convert",
    "errors",
    "feed",
    "fetch",
    "fields",
    "forms",
    "limits",
    "paging",
    "privacy",
    "pseudonyms",
    "scrub",
    "source",
    "times",
    "wire",
}
"""What reads and cleans for any stream; it knows none."""

TOP = {"__main__", "tap"}
"""What knows the sources."""


@dataclass
class Module:
    """One file of the package, by its name without `tap_replies.`."""

    name: str
    path: Path
    runtime: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    """What is imported for the type checker alone."""

    foreign: set[str] = field(default_factory=set)

    @property
    def imports(self) -> set[str]:
        """All of the package that it imports."""
        return self.runtime | self.types

    @property
    def source(self) -> str | None:
        """The source it belongs to."""
        parts = self.name.split(".")
        return parts[1] if parts[0] == "sources" and len(parts) > 1 else None

    @property
    def is_sandbox(self) -> bool:
        """Whether it is part of the sandbox."""
        return within(self.name, "sandbox")

    @property
    def is_shared(self) -> bool:
        """Whether it serves all sources."""
        return not within(self.name, "sources") and not self.is_sandbox


def within(name: str, folder: str) -> bool:
    """Whether a module is a package or lies in it."""
    return name == folder or name.startswith(f"{folder}.")


def modules() -> dict[str, Module]:
    """Every file of the package with its imports."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        name = ".".join(parts).removesuffix("__init__").removesuffix(".")
        found[name] = Module(name, path)
    for module in found.values():
        tree = ast.parse(module.path.read_text("utf-8"))
        for_types = {id(node) for branch in type_checking(tree) for node in ast.walk(branch)}
        for node in ast.walk(tree):
            for imported in imported_by(node):
                own = imported.removeprefix(f"{PACKAGE}.")
                if own == imported and imported != PACKAGE:
                    module.foreign.add(imported)
                elif imported != PACKAGE:
                    while own not in found:
                        own = own.rpartition(".")[0]
                    (module.types if id(node) in for_types else module.runtime).add(own)
    return found


def type_checking(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements under `if TYPE_CHECKING:`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from node.body


def imported_by(node: ast.AST) -> list[str]:
    """The full names that a statement imports; `from a import b` imports `a.b` if that is one."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom) or node.module is None:
        return []
    if within(node.module, PACKAGE):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [node.module]


def texts(tree: ast.Module) -> Iterator[str]:
    """All names and strings in code; strings that only explain are left out."""
    explaining = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in explaining:
                yield node.value
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, (ast.alias, ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


MODULES = modules()
SHARED = [module for module in MODULES.values() if module.is_shared]
VENDORS = ("mailchimp", "reamaze", "re:amaze")


def test_imports_have_no_circle() -> None:
    """A module needs only modules that do not need it, directly or by others."""
    order = TopologicalSorter({module.name: module.runtime for module in MODULES.values()})
    assert set(order.static_order()) == set(MODULES)


@pytest.mark.parametrize("module", SHARED, ids=lambda module: module.name or PACKAGE)
def test_shared_modules_know_no_source(module: Module) -> None:
    """Only the tap imports the sources; nobody but a source imports or names a vendor."""
    sources = {name for name in module.imports if within(name, "sources")}
    assert sources <= ({"sources"} if module.name == "tap" else set())
    assert module.name in TOP or not module.imports & TOP
    tree = ast.parse(module.path.read_text("utf-8"))
    assert not [text for text in texts(tree) if any(each in text.lower() for each in VENDORS)]


@pytest.mark.parametrize("name", sorted(FOUNDATION))
def test_the_foundation_knows_nothing_above_it(name: str) -> None:
    """Requests, paging, cleaning and errors know neither streams nor runs nor settings."""
    assert MODULES[name].imports <= FOUNDATION


@pytest.mark.parametrize(
    "module", [each for each in MODULES.values() if each.source], ids=lambda module: module.name
)
def test_sources_know_only_themselves_and_shared_modules(module: Module) -> None:
    """A source can be taken away, or another one added, without touching any other."""
    own = f"sources.{module.source}"
    for name in module.imports:
        assert within(name, own) or (MODULES[name].is_shared and name not in TOP), name


def test_the_sandbox_stands_alone() -> None:
    """Nothing imports the sandbox, and it imports nothing: it must not share the tap's bugs."""
    for module in MODULES.values():
        assert {within(name, "sandbox") for name in module.imports} <= {module.is_sandbox}


def test_every_source_is_in_sources() -> None:
    """A folder under `sources` that is not in SOURCES would be dead."""
    folders = {path.parent.name for path in (ROOT / PACKAGE / "sources").glob("*/__init__.py")}
    assert [source.name for source in SOURCES] == sorted(folders)


def test_every_stream_has_a_schema_and_every_schema_a_stream() -> None:
    """Columns are declared in schemas/, one file per stream, and nowhere else."""
    tap = TapReplies(validate_config=False)
    assert {path.stem for path in (ROOT / "schemas").iterdir()} == set(tap.streams)
    assert {path.suffix for path in (ROOT / "schemas").iterdir()} == {".json"}
    declared = [kind for source in SOURCES for kind in source.streams()]
    assert all(issubclass(kind, ApiStream) and "schema" not in vars(kind) for kind in declared)
    prefixes = {source.name: f"{source.name}_" for source in SOURCES}
    for source in SOURCES:
        assert all(kind.name.startswith(prefixes[source.name]) for kind in source.streams())


def test_no_file_is_long() -> None:
    """A file that grows hides a second concern."""
    folders = ("tap_replies", "tests", "demo", "benchmarks")
    files = chain.from_iterable((ROOT / folder).rglob("*.py") for folder in folders)
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files
    }
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


WATCH = """
import importlib, json, os, sys
foreign, own = json.loads(sys.stdin.read())
for name in foreign:
    importlib.import_module(name)
done = []
current = ""

def note(event, arguments):
    writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    changes = ("socket.", "subprocess.", "os.mkdir", "os.remove", "os.rename", "os.fork")
    if writes or event.startswith(changes):
        done.append([current, event, repr(arguments)[:200]])

sys.addaudithook(note)
for current in own:
    importlib.import_module(current)
print(json.dumps(done))
"""


def test_importing_does_nothing() -> None:
    """Importing any module opens no socket, starts no process and writes no file."""
    foreign = sorted(set().union(*(module.foreign for module in MODULES.values())))
    own = [
        f"{PACKAGE}.{module.name}".rstrip(".")
        for module in MODULES.values()
        if not module.name.endswith("__main__")
    ]
    # What others do when they are imported is not ours to judge, so they are imported before.
    present = [name for name in foreign if name != "__future__" and is_module(name)]
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCH],
        input=json.dumps([present, own]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(run.stdout) == []


def is_module(name: str) -> bool:
    """Whether it can be imported here; a package for another platform cannot."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
