"""Soaks `mrt serve --demo`: load, kills, a full disk, a frozen database. Prints a Markdown table: `make soak`.

    infra/test/soak.py MRT [--seconds N] [--rate N] [--kills N]

Every part is bounded in time, and fails the run if the server loses something or does not recover. The part with the
full disk mounts a file system of its own, which needs root; without root it is named as not run. Starts its own
server and database in a folder below /tmp, and stops them. Standard library only.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATHS = ["/health", "/bucket_size", "/bucket_size?environment=acme-prod", "/table_size?environment=acme-prod&tables=5"]
SIZES = "/bucket_size?environment=acme-prod"
TABLES = "/table_size?environment=acme-prod&tables=1"
WORKERS = 32
START_TIMEOUT = 60
RECOVERY_TIMEOUT = 60
OUTAGE_SECONDS = 15
DISK_BYTES = 384 << 20


class Server:
    """A demo that collects every second."""

    def __init__(self, program, data):
        self.program, self.data, self.process, self.token = program, data, None, ""
        self.log = open(f"{data}.log", "ab")

    def start(self):
        command = [self.program, "serve", "--demo", "--past-days", "0", "--every", "1s", "--listen", "127.0.0.1:0", "--data", self.data]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until(START_TIMEOUT, "the start", self.is_described)
        until(START_TIMEOUT, "the first answer", lambda: self.get("/health")[0] == 200)
        token = subprocess.run([self.program, "token", "--data", self.data], capture_output=True, text=True, check=True)
        self.token = token.stdout.strip()

    def is_described(self):
        assert self.process.poll() is None, f"the server ended: see {self.log.name}"
        try:
            running = json.loads(Path(self.data, "running.json").read_text())
        except (OSError, ValueError):
            return False
        self.address = running["url"].removeprefix("http://")
        return running["pid"] == self.process.pid

    def get(self, path):
        """Returns status, body and seconds; status 0 without an answer."""
        started = time.monotonic()
        try:
            status, body = asyncio.run(one(self, path))
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError):
            status, body = 0, b""
        return status, body, time.monotonic() - started

    def taken_at(self, path):
        """Returns when the only item was measured; an empty text without one."""
        status, body, _ = self.get(path)
        items = json.loads(body)["items"] if status == 200 else []
        return items[0]["taken_at"] if items else ""

    def until_newer(self, path, than):
        """Waits for a newer measurement and returns the seconds that it took."""
        return until(RECOVERY_TIMEOUT, f"a measurement newer than {than}", lambda: self.taken_at(path) > than)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=START_TIMEOUT)

    def resident_mb(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def database_processes(self):
        """Returns the ids of the database server and its sessions, the server first."""
        first = int(cluster(self.data).joinpath("postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]


def cluster(data):
    folder = Path(data, "demo")
    elsewhere = folder / "postgres.location"
    return (Path(elsewhere.read_text().strip()) if elsewhere.exists() else folder / "postgres") / "cluster"


def until(seconds, what, check):
    """Waits until `check` holds and returns the seconds that it took."""
    started = time.monotonic()
    while not check():
        assert time.monotonic() - started < seconds, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - started


async def ask(server, connection, path):
    """Sends a request on a connection that stays open; returns status and body."""
    reader, writer = connection
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {server.address}\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    lengths = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
    return int(lines[0].split(" ")[1]), await reader.readexactly(int(lengths[0]) if lengths else 0)


async def one(server, path):
    connection = await asyncio.wait_for(asyncio.open_connection(*server.address.split(":")), 5)
    try:
        return await asyncio.wait_for(ask(server, connection, path), 35)
    finally:
        connection[1].close()


async def load(server, seconds, rate):
    """Sends requests at times that do not depend on the answers; returns their statuses and milliseconds."""
    numbers, answers, started = iter(range(seconds * rate)), [], time.monotonic()

    async def work():
        connection = await asyncio.open_connection(*server.address.split(":"))
        for number in numbers:
            due = started + number / rate
            await asyncio.sleep(max(0, due - time.monotonic()))
            if time.monotonic() > started + seconds + 5:
                break
            sent = time.monotonic()
            try:
                status, _ = await ask(server, connection, PATHS[number % len(PATHS)])
            except (OSError, asyncio.IncompleteReadError):
                status, connection = 0, await asyncio.open_connection(*server.address.split(":"))
            answers.append((status, (time.monotonic() - sent) * 1000))

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return answers, time.monotonic() - started


def soak_load(server, seconds, rate):
    memory, descriptors = server.resident_mb(), server.descriptors()
    answers, took = asyncio.run(load(server, seconds, rate))
    good = [milliseconds for status, milliseconds in answers if status == 200]
    failed = len(answers) - len(good)
    assert good and not failed, f"{failed} of {len(answers)} requests failed"
    quantiles = statistics.quantiles(good, n=100)
    # Idle connections are closed by the server; those of the load are closed here.
    until(RECOVERY_TIMEOUT, "the end of the connections", lambda: server.descriptors() <= descriptors + 8)
    return (
        f"{len(answers):,} requests in {took:.0f} s ({len(answers) / took:,.0f} a second)",
        f"all 200; p50 {quantiles[49]:.1f} ms, p99 {quantiles[98]:.1f} ms, most {max(good):.0f} ms; "
        f"memory {memory:.0f} to {server.resident_mb():.0f} MB, file descriptors {descriptors} to {server.descriptors()}",
    )


def soak_kills(server, kills):
    starts, collections = [], []
    for _ in range(kills):
        before = server.taken_at(SIZES)
        time.sleep(random.uniform(0, 1))
        server.kill()
        began = time.monotonic()
        server.start()
        starts.append(time.monotonic() - began)
        after = server.taken_at(SIZES)
        assert after >= before, f"a measurement was lost: {before}, then {after}"
        collections.append(server.until_newer(SIZES, after))
    return f"{kills} times kill -9", f"nothing lost; answers again after {most(starts)}, collects again after {most(collections)}"


def soak_full_disk(server):
    filler = Path(server.data, "filler")
    before = server.taken_at(SIZES)
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        except OSError:
            pass
    began, statuses = time.monotonic(), []
    while time.monotonic() - began < OUTAGE_SECONDS:
        statuses.append(server.get(SIZES)[0])
        time.sleep(0.2)
    filler.unlink()
    storage = server.until_newer(SIZES, max(before, server.taken_at(SIZES)))
    tables = server.until_newer(TABLES, server.taken_at(TABLES))
    assert set(statuses) == {200}, f"answers on a full disk: {sorted(set(statuses))}"
    return (
        f"disk full for {OUTAGE_SECONDS} s",
        f"{len(statuses)} requests, all 200; storage is collected again after {storage:.1f} s, tables after {tables:.1f} s",
    )


def soak_frozen_database(server):
    frozen = server.database_processes()
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    began, sizes, users = time.monotonic(), [], []
    try:
        while time.monotonic() - began < OUTAGE_SECONDS:
            sizes.append(server.get(TABLES))
            users.append(server.get("/users?environment=acme-prod"))
    finally:
        for process in reversed(frozen):
            os.kill(process, signal.SIGCONT)
    recovered = server.until_newer(TABLES, server.taken_at(TABLES))
    until(RECOVERY_TIMEOUT, "users again", lambda: server.get("/users?environment=acme-prod")[0] == 200)
    assert {status for status, *_ in sizes} == {200}, "sizes come from the store"
    statuses = sorted({status for status, *_ in users})
    assert 0 not in statuses, "every request is answered"
    slowest = max(seconds for *_, seconds in users)
    return (
        f"database frozen for {time.monotonic() - began - recovered:.0f} s",
        f"sizes all 200; users {', '.join(map(str, statuses))} within {slowest:.1f} s; tables are collected again after {recovered:.1f} s",
    )


def most(seconds):
    return f"{statistics.median(seconds):.1f} s (most {max(seconds):.1f} s)"


def small_disk(folder):
    """Mounts a file system of `DISK_BYTES` on `folder`; returns whether that worked."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "mrt-soak", folder]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="mrt-soak-")
    os.chmod(folder, 0o755)
    has_disk = small_disk(folder)
    server = Server(arguments.program, str(Path(folder, "data")))
    rows = []
    try:
        server.start()
        server.until_newer(SIZES, "")
        server.until_newer(TABLES, "")
        parts = [
            lambda: soak_load(server, arguments.seconds, arguments.rate),
            lambda: soak_frozen_database(server),
            lambda: soak_full_disk(server) if has_disk else ("disk full", "not run: needs root"),
            lambda: soak_kills(server, arguments.kills),
        ]
        for part in parts:
            rows.append(part())
            print(f"{rows[-1][0]}: {rows[-1][1]}", file=sys.stderr, flush=True)
    finally:
        server.stop()
        if has_disk:
            subprocess.run(["umount", "--lazy", folder], check=True)
        subprocess.run(["rm", "-rf", folder], check=True)
    print("| what happens | what follows |\n|---|---|")
    for what, follows in rows:
        print(f"| {what} | {follows} |")


main()
