"""The public clients as commands (see clients/README.md), installed on first use."""
import hashlib
import os
import re
import shutil
import subprocess

from lib import HERE, Missing, need, prepared, run

HOME = HERE / "clients"


def fingerprint(folder):
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def python_environment():
    need("python3")

    def make(folder):
        run(["python3", "-m", "venv", folder / "venv"])
        run([folder / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", HOME / "python/requirements.txt"], 600)

    return prepared("python-" + fingerprint(HOME / "python"), make) / "venv/bin/python"


def confluent():
    return [python_environment(), HOME / "python/confluent.py"]


def aiokafka():
    return [python_environment(), HOME / "python/aio.py"]


def java(program="Client"):
    need("java", "javac", "mvn")

    def make(folder):
        shutil.copy(HOME / "java/pom.xml", folder)
        run(["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=libs"], 600, cwd=folder)
        run(["javac", "-cp", "libs/*", "-d", ".", *sorted((HOME / "java").glob("*.java"))], cwd=folder)

    folder = prepared("java-" + fingerprint(HOME / "java"), make)
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", f"{folder}:{folder}/libs/*", program]


def go():
    need("go")
    have = re.search(r"go(\d+)\.(\d+)", subprocess.run(["go", "version"], capture_output=True, text=True).stdout)
    if have is None or (int(have[1]), int(have[2])) < (1, 24):
        raise Missing("Go 1.24 or newer is not installed")

    def make(folder):
        for name in ("main.go", "go.mod"):
            shutil.copy(HOME / "go" / name, folder)
        run(["go", "mod", "tidy"], 600, cwd=folder, env={**os.environ, "GOFLAGS": "-mod=mod"})
        run(["go", "build", "-o", "client", "."], 600, cwd=folder)

    return [prepared("go-" + fingerprint(HOME / "go"), make) / "client"]


def node():
    need("node", "npm")

    def make(folder):
        for name in ("client.js", "package.json"):
            shutil.copy(HOME / "node" / name, folder)
        run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], 600, cwd=folder)

    return ["node", prepared("node-" + fingerprint(HOME / "node"), make) / "client.js"]


def kcat():
    need("kcat")
    return [HOME / "kcat/client"]


ALL = {"kcat": kcat, "confluent-kafka": confluent, "aiokafka": aiokafka, "java": java, "franz-go": go, "kafkajs": node}
