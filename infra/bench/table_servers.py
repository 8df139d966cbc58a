"""The database servers of the table benchmark: creates tables, takes locks, and counts what a client costs a server.

Clients are psql and mariadb, one process per query, like our collector.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import process

DATABASE = "bench"
# Time limit of any command.
PATIENCE_SECONDS = 900
# Tables per transaction: their locks must fit into the server's lock table.
TABLES_AT_ONCE = 10_000
# Sessions that create tables on MariaDB.
SESSIONS = 8


class Server:
    """What both servers share: their address, and our collector as their client."""

    engine = port = url = None

    def __init__(self, url):
        self.url = urlsplit(url)
        self.port = self.url.port
        self.environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MRT_BENCH_PASSWORD": self.url.password}

    def ours(self):
        """Sizes the database with our collector; returns the cost and the reported numbers."""
        command = [os.environ["MRT_BENCH_MEASURER"], self.engine, self.url.hostname, str(self.port), DATABASE, self.url.username]
        found = self.cost(command)
        if found["status"] != 0:
            raise SystemExit(f"error: our collector failed: {found['output']}")
        reported = [int(word) for word in found.pop("output").split()]
        return found | dict(zip(["tables", "estimated", "unsized", "bytes"], reported, strict=True))

    def ask(self, statement, **environment):
        """Runs one statement with the server's own client; `rows` are its lines."""
        found = self.cost(self.client(DATABASE, statement), **environment)
        found["rows"] = found["output"].splitlines() if found["status"] == 0 else []
        return found

    def execute(self, *statements, database=DATABASE):
        done = subprocess.run(self.client(database, *statements), env=self.environment, capture_output=True, text=True,
                              timeout=PATIENCE_SECONDS, check=False)
        if done.returncode != 0:
            raise SystemExit(f"error: {done.stderr[-2000:]}")
        return done.stdout.strip()


class Postgres(Server):
    """Autovacuum is off, because it would run during measurements. The postmaster counts the time of ended sessions."""

    engine = "postgres"

    def __init__(self, url):
        super().__init__(url)
        self.environment["PGPASSWORD"] = self.url.password
        self.execute("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", f"CREATE DATABASE {DATABASE}", database=self.url.path[1:])
        self.postmaster = int(self.execute("SELECT pg_read_file('postmaster.pid')").split()[0])
        self.version = self.execute("SHOW server_version").split()[0]
        process.until(lambda: self.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum%'") == "0",
                      "autovacuum is still running")

    def client(self, database, *statements):
        command = [os.environ["MRT_BENCH_PSQL"], "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", self.url.hostname, "-p", str(self.port),
                   "-U", self.url.username, "-d", database]
        return command + [word for statement in statements for word in ("-c", statement)]

    def make(self, first, last, rows):
        """Creates tables with two indexes and a TOAST table each."""
        for start in range(first, last + 1, TABLES_AT_ONCE):
            end = min(last, start + TABLES_AT_ONCE - 1)
            self.execute(f"""DO $$ BEGIN FOR i IN {start}..{end} LOOP
                EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, name text, changed bigint)', i);
                EXECUTE format('CREATE INDEX ON t%s (changed)', i);
                EXECUTE format('INSERT INTO t%s SELECT n, repeat(''x'', 50), n FROM generate_series(1, {rows}) AS n', i);
                END LOOP; END $$""")

    def settle(self):
        self.execute("VACUUM (ANALYZE)", "CHECKPOINT")

    def cost(self, command, **environment):
        before = process.children(self.postmaster)
        spent = process.cpu_seconds_of_ended_children(self.postmaster)
        found = process.run(command, self.environment | environment, PATIENCE_SECONDS)
        process.until_only(self.postmaster, before)
        found["server_cpu_s"] = process.cpu_seconds_of_ended_children(self.postmaster) - spent
        return found

    @contextmanager
    def session(self):
        """An open transaction that reads statements from its input, and is rolled back at the end."""
        client = subprocess.Popen(self.client(DATABASE), env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                text=True, bufsize=1)
        try:
            client.stdin.write("BEGIN;\n")
            yield client
        finally:
            client.stdin.close()
            client.wait()

    @contextmanager
    def locked(self, table):
        """Another session holds a lock on the table."""
        with self.session() as holder:
            holder.stdin.write(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\nSELECT 1;\n")
            holder.stdout.readline()
            yield

    @contextmanager
    def waited_for(self, table):
        """One session reads the table, and another waits to change it."""
        with self.session() as changer, self.session() as reader:
            reader.stdin.write(f"SELECT count(*) FROM {table};\n")
            reader.stdout.readline()
            changer.stdin.write(f"ALTER TABLE {table} ADD COLUMN late bigint;\n")
            waiting = "SELECT count(*) FROM pg_locks WHERE relation = '{}'::regclass AND NOT granted"
            process.until(lambda: self.execute(waiting.format(table)) == "1", "the change does not wait")
            yield


class MariaDb(Server):
    """One process for all sessions: its time includes all of them, and its own work."""

    engine = "mysql"

    def __init__(self, url):
        super().__init__(url)
        self.environment["MYSQL_PWD"] = self.url.password
        self.execute(f"CREATE DATABASE {DATABASE}", database=self.url.path[1:])
        self.server = process.listening_on("mariadbd", self.port)
        self.version = self.execute("SELECT VERSION()").split("-")[0]

    def client(self, database, statement):
        return ["mariadb", "--no-defaults", f"--host={self.url.hostname}", f"--port={self.port}", f"--user={self.url.username}",
                "--batch", "--skip-column-names", "--delimiter=//", f"--execute={statement}", database]

    def make(self, first, last):
        """Creates tables with two indexes each, in several sessions, because each table waits for the disk."""
        def part(start):
            self.execute(f"""BEGIN NOT ATOMIC DECLARE i INT DEFAULT {start}; WHILE i <= {last} DO
                EXECUTE IMMEDIATE CONCAT('CREATE TABLE t', i, ' (id BIGINT PRIMARY KEY, name VARCHAR(200), ',
                  'changed BIGINT, INDEX (changed)) ENGINE=InnoDB');
                SET i = i + {SESSIONS}; END WHILE; END""")

        with ThreadPoolExecutor(SESSIONS) as pool:
            list(pool.map(part, range(first, first + SESSIONS)))

    def forget(self):
        """Closes all tables, so that the next query opens each of them."""
        self.execute("FLUSH TABLES")

    def bytes_of_files(self):
        """The tables' bytes on disk."""
        folder = f"/proc/{self.server}/cwd/{DATABASE}"
        files = [entry.stat() for entry in os.scandir(folder) if entry.name.endswith(".ibd")]
        return sum(min(file.st_size, file.st_blocks * 512) for file in files)

    def cost(self, command, **environment):
        spent = process.cpu_seconds(self.server)
        found = process.run(command, self.environment | environment, PATIENCE_SECONDS)
        found["server_cpu_s"] = process.cpu_seconds(self.server) - spent
        return found
