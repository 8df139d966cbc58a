//! Database servers for a single test, which can stop them or change their certificates. Other tests share one server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{MYSQL, POSTGRES_BIN, service};
use crate::config::{ProcessVariables, Variables};

/// Password of the administrator: `postgres`, or `mrt` of MariaDB.
pub const PASSWORD: &str = "NEVERLEAK-ADMINISTRATOR";
/// User that replaces root, which PostgreSQL rejects.
const POSTGRES_USER: &str = "postgres";

/// A PostgreSQL or MariaDB on its own port. Dropping it stops and deletes it.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    /// Folder with its data and the certificate: `server.pem`, `server.key`.
    folder: PathBuf,
    port: u16,
    /// Further arguments of its program.
    arguments: Vec<String>,
    process: Option<Child>,
}

#[derive(Debug, Clone)]
enum Kind {
    Postgres { programs: PathBuf },
    Mariadb,
}

impl Server {
    /// Starts a PostgreSQL with a database `postgres`; `None` if the test is skipped.
    ///
    /// Supports TLS once it has a certificate: see [`Server::certify`].
    pub fn postgres() -> Option<Self> {
        Some(Self::postgres_of(PathBuf::from(service(POSTGRES_BIN)?)))
    }

    /// Starts a PostgreSQL whose programs are in the folder `programs`: see [`Server::postgres`].
    pub fn postgres_of(programs: PathBuf) -> Self {
        let mut server = Self::new(Kind::Postgres {
            programs: programs.clone(),
        });
        let password = server.folder.join("password");
        fs::write(&password, PASSWORD).unwrap();
        server.give_away();
        let mut initdb = server.command(&programs.join("initdb"));
        initdb
            .args(["--no-sync", "--username=postgres", "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8"])
            .arg(format!("--pwfile={}", password.display()))
            .arg("--pgdata=data");
        run(initdb);
        server.start();
        server
    }

    /// Starts a standby that follows this PostgreSQL, with `settings` such as `max_standby_streaming_delay=0`.
    pub fn standby(&self, settings: &[&str]) -> Self {
        let Kind::Postgres { programs } = &self.kind else {
            unreachable!("only PostgreSQL has standbys");
        };
        let mut standby = Self::new(self.kind.clone());
        standby.give_away();
        let mut backup = standby.command(&programs.join("pg_basebackup"));
        backup
            .args(["--pgdata=data", "--write-recovery-conf", "--no-sync"])
            .args([
                "--checkpoint=fast",
                "--host=127.0.0.1",
                "--username=postgres",
            ])
            .arg(format!("--port={}", self.port))
            .env("PGPASSWORD", PASSWORD);
        run(backup);
        for setting in settings {
            standby.add_arguments(&["-c", setting]);
        }
        standby.start();
        standby
    }

    /// Starts a MariaDB with a database `mrt` and an administrator `mrt`; `None` if the test is skipped.
    ///
    /// Supports TLS if it gets a certificate and its key.
    pub fn mariadb(certificate_and_key: Option<(&str, &str)>) -> Option<Self> {
        service(MYSQL)?;
        let mut server = Self::new(Kind::Mariadb);
        if let Some((certificate, key)) = certificate_and_key {
            server.certify(certificate, key);
        }
        // The server expects one statement on each line.
        let statements = format!(
            "CREATE DATABASE IF NOT EXISTS mrt;\n\
             CREATE USER IF NOT EXISTS mrt@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO mrt@'%' WITH GRANT OPTION;\n"
        );
        fs::write(server.folder.join("init.sql"), statements).unwrap();
        let mut install = server.command(Path::new("mariadb-install-db"));
        install.args([
            "--no-defaults",
            "--user=root",
            "--datadir=./data",
            "--innodb-log-file-size=16M",
            "--skip-test-db",
            "--auth-root-authentication-method=socket",
        ]);
        run(install);
        server.start();
        Some(server)
    }

    fn new(kind: Kind) -> Self {
        let port = free_port();
        let folder = folder_of("server", port);
        Self {
            kind,
            folder,
            port,
            arguments: Vec::new(),
            process: None,
        }
    }

    /// Adds arguments of its program, which apply from the next start.
    pub fn add_arguments(&mut self, arguments: &[&str]) {
        let arguments = arguments.iter().map(|text| (*text).to_owned());
        self.arguments.extend(arguments);
    }

    /// Returns the folder with its data.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Returns its port on 127.0.0.1, which stays the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of its administrator, in plain text.
    pub fn url(&self) -> String {
        let port = self.port;
        match self.kind {
            Kind::Postgres { .. } => {
                format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/postgres?sslmode=disable")
            }
            Kind::Mariadb => {
                format!("mysql://mrt:{PASSWORD}@127.0.0.1:{port}/mrt?ssl-mode=disabled")
            }
        }
    }

    /// Writes a certificate and its key. The server uses them after a reload or a restart.
    pub fn certify(&self, certificate: &str, key: &str) {
        write_certificate(&self.folder, certificate, key);
        self.give_away();
    }

    /// Starts it and waits until it accepts connections.
    pub fn start(&mut self) {
        let has_certificate = self.folder.join("server.pem").exists();
        let ready = match self.kind.clone() {
            Kind::Postgres { programs } => {
                let mut command = self.command(&programs.join("postgres"));
                let port = self.port;
                command
                    .args(["-D", "data", "-c", "listen_addresses=127.0.0.1"])
                    .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
                    .args(["-c", "ssl_cert_file=../server.pem"])
                    .args(["-c", "ssl_key_file=../server.key"])
                    .arg("-c")
                    .arg(format!(
                        "ssl={}",
                        if has_certificate { "on" } else { "off" }
                    ))
                    .arg("-c")
                    .arg(format!("port={port}"))
                    .args(&self.arguments);
                // A standby accepts read-only connections.
                self.serve(command, "ready to accept")
            }
            Kind::Mariadb => {
                let mut command = self.command(&server_program("mariadbd"));
                command
                    .args(["--no-defaults", "--user=root", "--datadir=./data"])
                    .args(["--innodb-log-file-size=16M", "--bind-address=127.0.0.1"])
                    .args(["--socket=", "--skip-name-resolve"])
                    .args(["--character-set-server=utf8mb4"])
                    .arg(format!("--port={}", self.port))
                    .arg(format!("--init-file={}/init.sql", self.folder.display()));
                if has_certificate {
                    command
                        .arg(format!("--ssl-cert={}/server.pem", self.folder.display()))
                        .arg(format!("--ssl-key={}/server.key", self.folder.display()));
                }
                command.args(&self.arguments);
                self.serve(command, "ready for connections")
            }
        };
        assert!(ready, "the server ended instead of starting");
    }

    /// Stops it at once, together with its sessions.
    pub fn stop(&mut self) {
        // INT is a fast shutdown of PostgreSQL. MariaDB has none, so it is killed.
        self.end(match self.kind {
            Kind::Postgres { .. } => "-INT",
            Kind::Mariadb => "-KILL",
        });
    }

    /// Shuts it down in order, once it has no sessions.
    pub fn shut_down(&mut self) {
        self.end("-TERM");
    }

    fn end(&mut self, signal: &str) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        end(&mut process, signal);
    }

    /// Runs it and reads its log until it is ready.
    fn serve(&mut self, command: Command, up: &str) -> bool {
        let (process, is_ready) = ready(command, up);
        self.process = Some(process);
        is_ready
    }

    /// Returns a command that runs in the server's folder as the server's user, and ends with the test.
    fn command(&self, program: &Path) -> Command {
        let is_postgres = matches!(self.kind, Kind::Postgres { .. });
        command(program, &self.folder, is_postgres)
    }

    fn give_away(&self) {
        if matches!(self.kind, Kind::Postgres { .. }) {
            give_away(&self.folder);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns a port that nothing listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port()
}

/// Makes the folder of a program that listens on `port`.
///
/// Another test's process may be given the same port before a server listens on it, so its id is part of the name.
pub(super) fn folder_of(program: &str, port: u16) -> PathBuf {
    let name = format!("mrt-test-{program}.{}.{port}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs `command` and reads its log until a line contains `up`. A thread continues reading.
pub(super) fn ready(mut command: Command, up: &str) -> (Child, bool) {
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let is_ready = log
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains(up));
    std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
    (process, is_ready)
}

/// Sends `signal` to `process` and waits for its end.
pub(super) fn end(process: &mut Child, signal: &str) {
    let pid = process.id().to_string();
    let _ = Command::new("kill").args([signal, &pid]).status();
    let _ = process.wait();
}

/// Returns a command that runs in `folder` and ends with the test; in place of root as [`POSTGRES_USER`] if the program
/// rejects root.
pub(super) fn command(program: &Path, folder: &Path, rejects_root: bool) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]);
    if rejects_root && is_root() {
        let user = ["--reuid", POSTGRES_USER, "--regid", POSTGRES_USER];
        command.args(user).arg("--init-groups");
    }
    command
        .arg("--")
        .arg(program)
        .current_dir(folder)
        .env_clear()
        .env("PATH", ProcessVariables.get("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        // A MariaDB that starts deletes the temporary tables of others in the same folder.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Gives `folder` to the user that replaces root.
pub(super) fn give_away(folder: &Path) {
    if is_root() {
        let mut chown = Command::new("chown");
        chown.arg("-R").arg(format!("{POSTGRES_USER}:")).arg(folder);
        run(chown);
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// Writes `server.pem` and `server.key`. PostgreSQL requires a key that only its owner can read.
fn write_certificate(folder: &Path, certificate: &str, key: &str) {
    use std::os::unix::fs::PermissionsExt;
    let key_file = folder.join("server.key");
    fs::write(folder.join("server.pem"), certificate).unwrap();
    fs::write(&key_file, key).unwrap();
    fs::set_permissions(key_file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Returns the path of a server, because `/usr/sbin` is not in every `PATH`.
fn server_program(name: &str) -> PathBuf {
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.exists() { sbin } else { name.into() }
}

fn run(mut command: Command) {
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "{command:?}: {text}");
}
