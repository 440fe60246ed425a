"""Creates the Python environment LocalStack runs in.

LocalStack breaks with the newest releases of what it depends on, so constraints.txt holds the
whole set, frozen, and is installed without resolving anything. A stamp with the hash of what went
in makes a second call free, and an environment that was left half-built is built anew. One that
came here with a copied or moved folder has what it needs, but knows it by the old folder's name:
those few places are mended instead of installing everything again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate_localstack.errors import LocalAwsError

ROOT = Path(__file__).resolve().parents[3]
"""The folder `localstack/` of the repository."""

CONSTRAINTS = ROOT / "constraints.txt"
STATIC_FILES = Path("usr/lib/localstack")
"""Where LocalStack looks, below its FILESYSTEM_ROOT, for files prepared at build time."""
STAMP_NAME = ".tidegate-installed"
LINK_PATTERN = "__editable__.tidegate_localstack-*.pth"
ACTIVATE = "activate"
OLDEST_PYTHON = (3, 11)
CANDIDATE_PYTHONS = ("python3.13", "python3.12", "python3.11", "python3")


def home() -> Path:
    """Where the environment lives; TIDEGATE_LOCALSTACK_HOME moves it."""
    chosen = os.environ.get("TIDEGATE_LOCALSTACK_HOME")
    return Path(chosen).resolve() if chosen else ROOT / ".venv"


def python() -> Path:
    """The environment's Python."""
    return home() / "bin" / "python"


def prepared() -> Path:
    """Files LocalStack would compute on first use: its service catalog, five seconds' work."""
    return home() / "prepared" / STATIC_FILES


def files_below(folder: Path) -> dict[str, str]:
    """Environment variables that keep every file of LocalStack's below one folder.

    Inside a container, as in most CI jobs, LocalStack takes itself for its own image and writes to
    /usr/lib and /var/lib, shared by all instances, unless it is told that it is not.
    """
    return {"FILESYSTEM_ROOT": str(folder), "OVERRIDE_IN_DOCKER": "0"}


def wanted_stamp() -> str:
    """Changes whenever what is installed would change."""
    digest = hashlib.sha256()
    for path in (CONSTRAINTS, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_installed() -> bool:
    """Whether the environment is complete and current, wherever it was installed."""
    stamp = home() / STAMP_NAME
    return python().exists() and stamp.exists() and stamp.read_text() == wanted_stamp()


def _link() -> Path | None:
    """The file by which the environment finds this package, whose source is not copied into it."""
    return next(home().glob(f"lib/python*/site-packages/{LINK_PATTERN}"), None)


def is_at_home() -> bool:
    """Whether the environment leads to this very folder, and not to the one it was copied from."""
    link = _link()
    return link is not None and link.read_text().strip() == str(ROOT / "src")


def settle() -> bool:
    """Lead an environment that came with a copied folder to this one; tells whether it works."""
    link = _link()
    if link is None:
        return False
    before, now = _home_it_knows().encode(), str(home()).encode()
    scripts = [path for path in (home() / "bin").iterdir() if path.is_file()]
    # The script that knows the old folder, and the link that tells of the new, come last: what is
    # interrupted is then done again.
    for script in sorted(scripts, key=lambda path: path.name == ACTIVATE) if before else ():
        if not script.is_symlink() and before in (text := script.read_bytes()):
            script.write_bytes(text.replace(before, now))
    link.write_text(f"{ROOT / 'src'}\n")
    check = "import sys, localstack, tidegate_localstack as ours; print(ours.__file__)"
    found = subprocess.run(
        [str(python()), "-I", "-c", check], check=False, capture_output=True, text=True
    )
    return found.returncode == 0 and Path(found.stdout.strip()).is_relative_to(ROOT)


def _home_it_knows() -> str:
    """The folder the environment was made in, as its own scripts name it."""
    activate = home() / "bin" / ACTIVATE
    for line in activate.read_text().splitlines() if activate.exists() else ():
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if name == "VIRTUAL_ENV":
            return value.strip("\"'")
    return ""


def find_python() -> str:
    """A Python new enough for LocalStack: this one when it will do, else one on PATH."""
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return sys.executable
    for name in CANDIDATE_PYTHONS:
        found = shutil.which(name)
        if found and _is_new_enough(found):
            return found
    raise LocalAwsError(
        "no Python 3.11 or newer found. Install one (for example the packages python3.11 and "
        "python3.11-venv), then run this again."
    )


def _is_new_enough(interpreter: str) -> bool:
    check = f"import sys; sys.exit(sys.version_info[:2] < {OLDEST_PYTHON!r})"
    return (
        subprocess.run([interpreter, "-c", check], check=False, capture_output=True).returncode == 0
    )


def install() -> bool:
    """Bring the environment up to date; returns whether anything had to be done."""
    if is_installed() and is_at_home():
        return False
    with _alone():
        return _install()


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process install at a time: stages of CI that need the environment begin together."""
    lock = home().with_name(home().name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _install() -> bool:
    if is_installed() and is_at_home():
        return False
    if is_installed() and settle():
        print(f"tide-aws: the copied environment in {home()} is at home here now", file=sys.stderr)
        return False
    target = home()
    interpreter = find_python()
    print(f"tide-aws: installing LocalStack into {target} (about a minute) ...", file=sys.stderr)
    if target.exists():
        _refuse_foreign_folder(target)
        shutil.rmtree(target)
    _run([interpreter, "-m", "venv", str(target)], "creating the virtual environment")
    pip = [str(python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Our own package goes first: once plux, a part of LocalStack, is there, it hooks into
    # setuptools and cannot build an editable package. --no-build-isolation keeps the build to
    # pinned parts too.
    _run([*pip, "--constraint", str(CONSTRAINTS), "setuptools"], "installing setuptools")
    _run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        "installing the providers",
    )
    _run([*pip, "--no-deps", "--requirement", str(CONSTRAINTS)], "installing the pinned packages")
    prepared().mkdir(parents=True)
    _run(
        [str(python()), "-m", "localstack.aws.spec"],
        "preparing the service catalog",
        **files_below(target / "prepared"),
    )
    (target / STAMP_NAME).write_text(wanted_stamp())
    return True


def _refuse_foreign_folder(target: Path) -> None:
    """Never delete a folder that is not a virtual environment."""
    if target.is_dir() and ((target / "pyvenv.cfg").exists() or not any(target.iterdir())):
        return
    raise LocalAwsError(
        f"{target} exists and is not a virtual environment, so it is left alone. "
        "Point TIDEGATE_LOCALSTACK_HOME at another folder."
    )


def _run(command: list[str], doing: str, **extra_environment: str) -> None:
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | extra_environment
    )
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
        raise LocalAwsError(
            f"{doing} failed:\n{tail}\nIf a download failed, check that pip reaches its package "
            "index from here, then run this again."
        )
