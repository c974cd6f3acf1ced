"""What is released: archives that install and know every stream, and a project for Meltano."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
STREAMS = {path.stem for path in (ROOT / "schemas").glob("*.json")}
PYTHON = sys.executable
UV = str(Path(PYTHON).with_name("uv"))
INSTALLERS = ("pip", "uv")
BORROWED = ("--no-deps", "--no-build-isolation")  # with `prepared`: all is there but the project
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command: str | Path, cwd: Path) -> str:
    """Return what a command prints, which must succeed."""
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(installer: str, python: Path, *what: str | Path, cwd: Path) -> None:
    """Install into the environment of a Python."""
    if installer == "pip":
        run(PYTHON, "-m", "pip", "--quiet", "--python", python, "install", *what, cwd=cwd)
    else:
        run(UV, "pip", "install", "--quiet", "--python", python, *what, cwd=cwd)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build as a release does: the sdist from the checkout, the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(PYTHON, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Return the Python of an environment in which nothing is installed."""
    run(UV, "venv", "--quiet", "--python", PYTHON, tmp_path / "clean", cwd=tmp_path)
    return tmp_path / "clean" / "bin" / "python"


@pytest.fixture
def prepared(clean: Path, tmp_path: Path) -> Path:
    """Return the Python of an environment that sees this one's packages, less the project."""
    here = sysconfig.get_path("purelib")
    there = run(clean, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path)
    Path(there.strip(), "here.pth").write_text(here, encoding="utf-8")
    return clean


def streams(python: Path, cwd: Path) -> set[str]:
    """Return the names that the command of an environment discovers."""
    catalog = json.loads(run(python.with_name("tap-replies"), "--discover", cwd=cwd))
    return {stream["tap_stream_id"] for stream in catalog["streams"]}


def assert_every_stream(python: Path, cwd: Path) -> None:
    """Assert that the installed command, not the checkout, discovers all streams."""
    where = run(python, "-c", "import tap_replies; print(tap_replies.__file__)", cwd=cwd)
    assert Path(where).is_relative_to(python.parent.parent)
    assert streams(python, cwd) == STREAMS


def test_wheel_holds_schemas_and_types(archives: dict[str, Path]) -> None:
    """The wheel carries the schemas inside the package, the type marker, and nothing else."""
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        names = set(wheel.namelist())
    assert {f"tap_replies/schemas/{stream}.json" for stream in STREAMS} <= names
    assert "tap_replies/py.typed" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"tap_replies"}


def test_sdist_holds_schemas_and_tests(archives: dict[str, Path]) -> None:
    """Whoever repackages the sdist can build it and test it."""
    with tarfile.open(archives["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {f"schemas/{stream}.json" for stream in STREAMS} <= names
    assert {"LICENSE", "pyproject.toml", "tests/test_packaging.py"} <= names


def test_wheel_brings_all_it_needs(archives: dict[str, Path], clean: Path, tmp_path: Path) -> None:
    """The wheel runs where only its declared dependencies are (ca. 1 s)."""
    install("uv", clean, archives["wheel"], cwd=tmp_path)
    assert_every_stream(clean, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("archive", ["wheel", "sdist"])
def test_pip_installs_from_scratch(
    archive: str, archives: dict[str, Path], clean: Path, tmp_path: Path
) -> None:
    """Pip alone does it too, dependencies, build backend and all (ca. 6 s each)."""
    install("pip", clean, archives[archive], cwd=tmp_path)
    assert_every_stream(clean, tmp_path)


@pytest.mark.parametrize("archive", ["wheel", "sdist"])
@pytest.mark.parametrize("installer", INSTALLERS)
def test_installs(
    installer: str, archive: str, archives: dict[str, Path], prepared: Path, tmp_path: Path
) -> None:
    """Each archive installs with each installer (ca. 1-2 s each: the dependencies are borrowed)."""
    install(installer, prepared, *BORROWED, archives[archive], cwd=tmp_path)
    assert_every_stream(prepared, tmp_path)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_editable_install_reads_the_checkout(
    installer: str, prepared: Path, tmp_path: Path
) -> None:
    """An editable install finds the schemas beside the package and copies none (ca. 1 s each)."""
    install(installer, prepared, *BORROWED, "--editable", ROOT, cwd=tmp_path)
    assert streams(prepared, tmp_path) == STREAMS
    assert not list(prepared.parent.parent.rglob("replies.json"))


def test_meltano_declares_every_setting(tmp_path: Path) -> None:
    """The settings and capabilities in meltano.yml are those of `--about`, secrets marked."""
    about = json.loads(
        run(Path(PYTHON).with_name("tap-replies"), "--about", "--format=json", cwd=tmp_path)
    )
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (extractor,) = project["plugins"]["extractors"]
    properties = about["settings"]["properties"]
    declared = {setting["name"]: setting for setting in extractor["settings"]}
    assert set(declared) == set(properties)
    assert set(extractor["capabilities"]) == set(about["capabilities"])
    secrets = {name for name, setting in declared.items() if setting.get("sensitive")}
    assert secrets == {name for name, definition in properties.items() if definition.get("secret")}
    assert all(setting.keys() >= {"kind", "label", "description"} for setting in declared.values())
