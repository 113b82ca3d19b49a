"""The machine and the programs of a comparison."""

import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess

# Each with what tells its version, on stdout or stderr.
TOOLS = {"nginx": "-v", "haproxy": "-v", "wrk": "-v"}


def missing_tools(evenkeel: str) -> list[str]:
    missing = [tool for tool in (*TOOLS, "setsid") if not shutil.which(tool)]
    if not shutil.which(evenkeel):
        missing.append(f"{evenkeel} (cargo build --release)")
    return missing


def versions(evenkeel: str) -> str:
    """Such as `nginx 1.22.1, haproxy 2.6.12, wrk 4.1.0, evenkeel 0.1.0`."""
    commands = {tool: [tool, flag] for tool, flag in TOOLS.items()} | {"evenkeel": [evenkeel, "--version"]}
    return ", ".join(f"{name} {version(command)}" for name, command in commands.items())


def version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found[0] if found else "of unknown version"


def description() -> str:
    """Processor, cores and kernel."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    name = model[1] if model else platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def allow_many_files() -> None:
    """Raises what this process and its children may open to what the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
