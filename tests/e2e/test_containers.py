"""The images are really built and run, without Docker: buildah over a base image that debootstrap makes. As root, minutes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tidegate.app.docker import write_containers
from tidegate.kit.shop import generate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.skipif(
        os.geteuid() != 0 or not (shutil.which("buildah") and shutil.which("debootstrap")),
        reason="building images needs root, buildah and debootstrap: `make system-deps` prints how to install them",
    ),
]

ROOT = Path(__file__).parents[2]
CERTIFICATES = Path("/etc/ssl/certs")
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
USER = 10001


@dataclass(frozen=True, kw_only=True)
class Ran:
    status: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Buildah:
    """buildah with a store of its own, so that nothing of it is left."""

    folder: Path

    def __call__(self, *words: str | Path, check: bool = True) -> Ran:
        store = ["--root", self.folder / "store", "--runroot", self.folder / "run", "--storage-driver", "vfs"]
        command = ["buildah", *store, *words]
        env = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return Ran(status=done.returncode, out=done.stdout, err=done.stderr)

    def build(self, context: Path, tag: str, *words: str) -> None:
        """Build as `docker build` does; what this machine needs for the network is mounted, and stays out of the image."""
        settings = self.folder / "settings"
        settings.mkdir(exist_ok=True)
        (settings / "uv.toml").write_text("system-certs = true\n", encoding="utf-8")
        (settings / "pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}/ca-certificates.crt\n", encoding="utf-8")
        mounts = [
            (CERTIFICATES, CERTIFICATES),
            (settings / "uv.toml", "/etc/uv/uv.toml"),
            (settings / "pip.conf", "/etc/pip.conf"),
        ]
        volumes = [word for source, target in mounts for word in ("--volume", f"{source}:{target}:ro")]
        how = ["--pull-never", "--format", "docker", "--network", "host", "--layers=false"]
        self("bud", *how, *volumes, *words, "--tag", tag, context)

    def config(self, image: str) -> dict[str, object]:
        """The image's configuration as Docker has it."""
        said = json.loads(self("inspect", "--type", "image", image).out)
        return said["Docker"]["config"]


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container with its volumes, as the compose file mounts them."""

    buildah: Buildah
    name: str
    volumes: Sequence[str]

    def run(self, *words: str, check: bool = True) -> Ran:
        mounts = [word for volume in self.volumes for word in ("--volume", volume)]
        return self.buildah("run", *mounts, self.name, "--", *words, check=check)


def base_image(dockerfile: Path) -> str:
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's shop with a dbt package, credentials beside it, and the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("project") / "shop"
    generate.write_project(folder)
    generate.deliver(folder, through=3)
    (folder / "transform/tests/assert_order_total_is_the_sum_of_its_lines.sql").unlink()
    helpers = folder / "helpers"
    (helpers / "macros").mkdir(parents=True)
    (helpers / "dbt_project.yml").write_text("name: helpers\nversion: 1.0.0\n", encoding="utf-8")
    (folder / "transform/packages.yml").write_text("packages: [{local: ../helpers}]\n", encoding="utf-8")
    (folder / ".env").write_text("SECRET=hidden\n", encoding="utf-8")
    write_containers(folder, force=False)
    build = "import sys; from hatchling import build; build.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder / "docker/wheels")], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Iterator[Buildah]:
    """Nothing of the store is left when the tests are over: it takes gigabytes."""
    folder = tmp_path_factory.mktemp("buildah")
    tool = Buildah(folder=folder)
    try:
        system = folder / "system"
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(system)],
            check=True,
            capture_output=True,
        )
        name = tool("from", "scratch").out.strip()
        tool("add", "--quiet", name, system, "/")
        tool("commit", "--quiet", "--rm", name, f"docker.io/library/{base_image(project / 'Dockerfile')}")
        shutil.rmtree(system)
        yield tool
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shop(buildah: Buildah, project: Path) -> Container:
    """The project's image as a container, with empty volumes of the image's user, and its input beside the code."""
    buildah.build(project, "shop:local", "--build-arg", "CODE_REVISION=0123456789ab")
    volumes = []
    for name, place in (("warehouse", "/app/warehouse"), ("state", "/app/.tidegate")):
        (buildah.folder / name).mkdir()
        os.chown(buildah.folder / name, USER, USER)
        volumes.append(f"{buildah.folder / name}:{place}")
    volumes.append(f"{project / 'source'}:/app/source:ro")
    name = buildah("from", "--pull-never", "localhost/shop:local").out.strip()
    return Container(buildah=buildah, name=name, volumes=volumes)


def service(project: Path, name: str, *words: str) -> list[str]:
    """What `docker compose run NAME WORD...` starts in the container."""
    said = YAML(typ="safe").load((project / "compose.yaml").read_text(encoding="utf-8"))["services"][name]
    return [*said.get("entrypoint", []), *(words or said.get("command", []))]


def test_the_project_runs_in_its_image(shop: Container, project: Path) -> None:
    assert shop.run("id", "-u").out.strip() == str(USER)
    assert shop.run("sh", "-c", "touch /app/x", check=False).status != 0
    assert shop.run("sh", "-c", "ls -A /app").out.split().count(".env") == 0
    assert "helpers" in shop.run("ls", "/app/transform/dbt_packages").out

    image = shop.buildah.config("localhost/shop:local")
    assert image["User"] == f"{USER}:{USER}"
    kind, *health = image["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert shop.run(*health).status == 0

    done = shop.run(*service(project, "tidegate", "run"), check=False)
    assert done.status == 0, done.out[-2000:] + done.err[-2000:]
    assert "PUBLISHED  version 1" in done.out
    done = shop.run(*service(project, "dbt", "run"), check=False)
    assert done.status == 0, done.out[-2000:] + done.err[-2000:]
    assert "PUBLISHED  version 2" in done.out
    done = shop.run(*service(project, "dbt", "test"), check=False)
    assert done.status == 0, done.out[-2000:] + done.err[-2000:]
    assert "Done. PASS=" in done.err
    versions = json.loads(shop.run(*service(project, "tidegate", "versions", "--json")).out)["versions"]
    assert {v["code_revision"] for v in versions} == {"0123456789ab"}
    assert versions[0]["state"] == "published"


def test_the_scheduler_runs_and_says_that_it_is_healthy(shop: Container, project: Path) -> None:
    *loop, _, _, _, _ = service(project, "scheduler")
    command = f"SCHEDULE_EVERY_S=2 timeout 7 {' '.join(loop)} tidegate status --quiet"
    done = shop.run("sh", "-c", f"{command}; sh docker/schedule.sh --healthy && echo healthy")
    assert done.err.count("ended with 0") >= 2
    assert done.out.rstrip().endswith("healthy")


def test_it_writes_to_its_volumes_and_to_tmp_only(shop: Container) -> None:
    """So the compose file can mount everything else read-only."""
    prune = "-path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /app/warehouse -o -path /app/.tidegate"
    script = f"find / \\( {prune} \\) -prune -o -user app -print 2>/dev/null"
    assert shop.run("sh", "-c", script, check=False).out.split() == []


def test_the_own_image_looks_at_a_mounted_project(buildah: Buildah, project: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        base = base_image(project / "Dockerfile")
        buildah.build(ROOT, "tidegate:local", "--build-arg", f"PYTHON_IMAGE={base}")
    name = buildah("from", "--pull-never", "localhost/tidegate:local").out.strip()
    container = Container(buildah=buildah, name=name, volumes=[f"{project}:/project:ro"])
    entrypoint = buildah.config("localhost/tidegate:local")["Entrypoint"]
    assert container.run("id", "-u").out.strip() == str(USER)
    assert container.run(*entrypoint, "--version").out.startswith("tidegate ")
    done = container.run(*entrypoint, "doctor", "--no-history", "--json", check=False)
    assert done.status in {0, 1}, done
    assert json.loads(done.out)["files"] > 20
