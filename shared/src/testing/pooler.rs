//! Poolers for a single test: pgbouncer and pgpool, as Debian packages them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use super::server::{command, folder_of, free_port, give_away, ready};
use super::{PGBOUNCER, PGPOOL, service};

/// A pooler on its own port. Dropping it stops and deletes it.
#[derive(Debug)]
pub struct Pooler {
    folder: PathBuf,
    port: u16,
    process: Child,
}

impl Pooler {
    /// Starts a pgbouncer before the PostgreSQL at `server`, such as `host=127.0.0.1 port=5432`, with the lines
    /// `settings`. `logins` are the accounts that it lets in, with their passwords; `None` if the test is skipped.
    pub fn pgbouncer(server: &str, settings: &str, logins: &[(&str, &str)]) -> Option<Self> {
        let program = service(PGBOUNCER)?;
        let (folder, port) = folder_and_port();
        let logins: String = logins
            .iter()
            .map(|(user, password)| format!("\"{user}\" \"{password}\"\n"))
            .collect();
        fs::write(folder.join("users.txt"), logins).unwrap();
        let configuration = format!(
            "[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users.txt\n{settings}\n"
        );
        fs::write(folder.join("pgbouncer.ini"), configuration).unwrap();
        Some(Self::start(
            folder,
            port,
            &program,
            &["pgbouncer.ini"],
            "process up",
        ))
    }

    /// Starts a pgpool before the PostgreSQL servers at `ports`, of which the first is the primary; `None` if the test is
    /// skipped. It asks clients for their password in clear text, and logs in with it.
    pub fn pgpool(ports: &[u16]) -> Option<Self> {
        let program = service(PGPOOL)?;
        let (folder, port) = folder_and_port();
        let here = folder.display();
        let servers: String = (0..)
            .zip(ports)
            .map(|(number, port)| {
                format!(
                    "backend_hostname{number} = '127.0.0.1'\nbackend_port{number} = {port}\n\
                     backend_weight{number} = 1\nbackend_flag{number} = 'ALWAYS_PRIMARY'\n"
                )
            })
            .collect();
        let servers = match ports {
            [_] => servers,
            _ => servers.replace("'ALWAYS_PRIMARY'", "'DISALLOW_TO_FAILOVER'"),
        };
        let configuration = format!(
            "backend_clustering_mode = 'streaming_replication'\nlisten_addresses = '127.0.0.1'\nport = {port}\n\
             socket_dir = '{here}'\npcp_listen_addresses = ''\npcp_socket_dir = '{here}'\npcp_port = {}\n\
             {servers}num_init_children = 4\nsr_check_period = 0\nload_balance_mode = on\n\
             enable_pool_hba = off\nallow_clear_text_frontend_auth = on\n\
             pid_file_name = '{here}/pgpool.pid'\nlogdir = '{here}'\nwork_dir = '{here}'\n",
            free_port()
        );
        fs::write(folder.join("pgpool.conf"), configuration).unwrap();
        for empty in ["pcp.conf", "pool_hba.conf"] {
            fs::write(folder.join(empty), "").unwrap();
        }
        let arguments = [
            "-n",
            "-f",
            "pgpool.conf",
            "-F",
            "pcp.conf",
            "-a",
            "pool_hba.conf",
        ];
        Some(Self::start(
            folder,
            port,
            &program,
            &arguments,
            "successfully started",
        ))
    }

    fn start(folder: PathBuf, port: u16, program: &str, arguments: &[&str], up: &str) -> Self {
        give_away(&folder);
        let mut command = command(program.as_ref(), &folder, true);
        command.args(arguments);
        let (process, is_ready) = ready(command, up);
        assert!(is_ready, "the pooler ended instead of starting");
        Self {
            folder,
            port,
            process,
        }
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        super::server::end(&mut self.process, "-INT");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn folder_and_port() -> (PathBuf, u16) {
    let port = free_port();
    (folder_of("pooler", port), port)
}
