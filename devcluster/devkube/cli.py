"""The command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from devkube import buildah, builds, cgroups, lifecycle, preconditions
from devkube.config import Cluster
from devkube.problem import Problem
from devkube.shell import say

NOT_RUNNING = 3  # As `systemctl status` and every init script say it.
Command = Callable[[Cluster, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a problem is told in words."""
    arguments = parser().parse_args(argv)
    try:
        command: Command = arguments.command
        return command(Cluster.from_environment(os.environ), arguments)
    except Problem as problem:
        say(f"devcluster: {problem}")
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    top = argparse.ArgumentParser(
        prog="devcluster",
        description="A real one-node Kubernetes, in namespaces of its own. Needs Linux and root.",
        epilog="FRAZIL_DEVCLUSTER_NAME names another cluster beside the first; "
        "FRAZIL_CACHE is where built programs are kept (~/.cache/frazil).",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, explained: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=explained, description=explained)
        sub.set_defaults(command=command)
        return sub

    add("up", _up, "install and build what is missing, start, wait until everything answers")
    add("down", _down, "stop the cluster and remove every trace of it")
    add("status", _status, f"exit 0 when the cluster is ready, {NOT_RUNNING} when it is not")
    push = add("push", _push, "push an image of buildah's; prints the reference for pods")
    push.add_argument("image")
    add("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig")
    add("audit-log", _audit_log, "print the path of the API server's audit log")
    add("prepare", _prepare, "install and build what `up` and the tools need; start nothing")
    tool = add("tool", _tool, "print the path of a program, built if need be")
    tool.add_argument("name", choices=sorted(builds.TOOLS))
    add("base-image", _base_image, "make a slim Debian with Python in buildah; prints its name")
    for name, command, explained in (
        ("netns", _netns, "run a program of the host's in the cluster's network"),
        ("node-exec", _node_exec, "run a program in all of the cluster's namespaces"),
    ):
        # Everything after the name belongs to the program, its own options too.
        add(name, command, explained).add_argument("argv", nargs=argparse.REMAINDER, metavar="CMD")
    return top


def _up(cluster: Cluster, _: argparse.Namespace) -> int:
    started = lifecycle.up(cluster)
    say(f"The cluster {cluster.name} {'is up' if started else 'was up already'}. Next:")
    say(f"  export KUBECONFIG={cluster.kubeconfig}")
    say('  alias kubectl="$(devcluster/devcluster tool kubectl)"')
    say("  devcluster/devcluster push IMAGE   # prints what to write as the image of a pod")
    print(cluster.kubeconfig)
    return 0


def _down(cluster: Cluster, _: argparse.Namespace) -> int:
    _require_root()
    found = lifecycle.down(cluster)
    say(f"The cluster {cluster.name} {'is gone' if found else 'was not there'}.")
    return 0


def _status(cluster: Cluster, _: argparse.Namespace) -> int:
    _require_root()
    process = lifecycle.running(cluster)
    if process is None:
        say(f"{cluster.name}: not running")
        return NOT_RUNNING
    if not lifecycle.ready(cluster):
        say(f"{cluster.name}: starting (pid {process.pid})")
        return NOT_RUNNING
    say(f"{cluster.name}: ready (pid {process.pid})")
    say(f"  API server  {cluster.api_url}\n  registry    {cluster.registry}")
    say(f"  kubeconfig  {cluster.kubeconfig}\n  logs        {cluster.logs}")
    return 0


def _push(cluster: Cluster, arguments: argparse.Namespace) -> int:
    _require_root()
    lifecycle.require_running(cluster)
    print(buildah.push(cluster, arguments.image))
    return 0


def _kubeconfig(cluster: Cluster, _: argparse.Namespace) -> int:
    print(cluster.kubeconfig)
    return 0


def _audit_log(cluster: Cluster, _: argparse.Namespace) -> int:
    print(cluster.audit_log)
    return 0


def _prepare(cluster: Cluster, _: argparse.Namespace) -> int:
    preconditions.ensure()
    for program in builds.PROGRAMS.values():
        say(str(builds.build(program, cluster.cache)))
    return 0


def _tool(cluster: Cluster, arguments: argparse.Namespace) -> int:
    print(builds.tool(arguments.name, cluster.cache))
    return 0


def _base_image(cluster: Cluster, _: argparse.Namespace) -> int:
    preconditions.ensure()
    print(buildah.base_image(cluster.cache))
    return 0


def _netns(cluster: Cluster, arguments: argparse.Namespace) -> int:
    return _enter(cluster, arguments, ["--net"])


def _node_exec(cluster: Cluster, arguments: argparse.Namespace) -> int:
    return _enter(cluster, arguments, ["--mount", "--net", "--pid"])


def _enter(cluster: Cluster, arguments: argparse.Namespace, namespaces: list[str]) -> int:
    """Become the program. In a group of the cluster, so that `down` finds it."""
    _require_root()
    process = lifecycle.require_running(cluster)
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not argv:
        raise Problem("Which program? For example: devcluster netns -- curl http://10.96.0.1")
    cgroups.join(cluster.cgroup, "clients")
    sys.stdout.flush()
    os.execvp("nsenter", ["nsenter", "--target", str(process.pid), *namespaces, "--", *argv])


def _require_root() -> None:
    machine = preconditions.Machine.look()
    reason = preconditions.objection(machine)
    if reason:
        raise Problem(reason)
    os.environ["PATH"] = preconditions.SEARCH_PATH
