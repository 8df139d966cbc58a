//! The user that PostgreSQL runs as: this program's own, or `postgres` instead of root, which PostgreSQL rejects.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// User that replaces root. PostgreSQL's packages create it.
const SERVICE_USER: &str = "postgres";
/// Program of util-linux that ends the server if this program is killed.
const TIE: &str = "setpriv";

/// The user of PostgreSQL's processes.
#[derive(Debug, Clone)]
pub(super) struct ServerUser {
    /// User and group to switch to; `None` for those of this program.
    switch: Option<Ids>,
    /// Whether [`TIE`] can be used.
    can_tie: bool,
}

/// A user and its main group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    /// User id.
    pub(super) user: u32,
    /// Group id.
    pub(super) group: u32,
}

impl ServerUser {
    /// Finds the user that PostgreSQL can run as.
    ///
    /// # Errors
    ///
    /// If this program runs as root and the machine has no user `postgres`.
    pub(super) fn find() -> anyhow::Result<Self> {
        let output = Command::new("id")
            .arg("-u")
            .output()
            .context("could not run id to get the id of this user")?;
        let is_root = output.stdout.trim_ascii() == b"0";
        let switch = if is_root {
            let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            let ids = find_user(&users, SERVICE_USER);
            ensure!(
                ids.is_some(),
                "PostgreSQL does not run as root and this machine has no user {SERVICE_USER}: \
                 create that user, or do not run the demo as root"
            );
            ids
        } else {
            None
        };
        Ok(Self {
            switch,
            can_tie: can_tie(),
        })
    }

    /// Returns the owner that the server's files must have; `None` for this program's own user.
    pub(super) fn switched_ids(&self) -> Option<Ids> {
        self.switch
    }

    /// Returns a command that runs as this user in `folder`, with a minimal environment.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        self.prepare(&mut command, folder);
        command
    }

    /// Returns such a command, whose process is interrupted when the thread that started it ends.
    ///
    /// Without [`TIE`] a server can outlive a killed demo; the next start stops it.
    pub(super) fn tied_command(&self, program: &Path, folder: &Path) -> Command {
        if !self.can_tie {
            return self.command(program, folder);
        }
        let mut command = Command::new(TIE);
        command.args(["--pdeathsig", "INT", "--"]).arg(program);
        self.prepare(&mut command, folder);
        command
    }

    fn prepare(&self, command: &mut Command, folder: &Path) {
        // The environment may contain credentials, and PG* variables that change what the programs do.
        // With its own process group, the server does not receive Ctrl-C: this program stops it in order.
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .current_dir(folder)
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(ids) = self.switch {
            // Also drops root's supplementary groups.
            command.uid(ids.user).gid(ids.group);
        }
    }

    /// Returns whether this user can reach `folder` through all the folders above it.
    pub(super) fn can_reach(&self, folder: &Path) -> bool {
        let Some(ids) = self.switch else {
            return true;
        };
        folder.ancestors().skip(1).all(|above| {
            let Ok(metadata) = above.metadata() else {
                return false;
            };
            let search = if metadata.uid() == ids.user {
                0o100
            } else if metadata.gid() == ids.group {
                0o010
            } else {
                0o001
            };
            metadata.mode() & search != 0
        })
    }
}

fn can_tie() -> bool {
    let tried = Command::new(TIE)
        .args(["--pdeathsig", "INT", "--", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Finds a user in the text of `/etc/passwd`: `name:password:user:group:…`.
fn find_user(users: &str, name: &str) -> Option<Ids> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some(Ids {
            user: fields.nth(1)?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\npostgres-old:x:99:99::/:\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\nbroken:x:one\n";

    #[test]
    fn users_are_found_by_their_full_name() {
        let found = Ids {
            user: 101,
            group: 104,
        };

        assert_eq!(find_user(USERS, "postgres"), Some(found));
        assert_eq!(find_user(USERS, "nobody"), None);
        assert_eq!(find_user(USERS, "broken"), None);
    }

    #[test]
    fn another_user_cannot_reach_a_private_folder() {
        use std::os::unix::fs::PermissionsExt;
        let private = tempfile::tempdir().unwrap();
        let mode = |mode| {
            std::fs::set_permissions(private.path(), std::fs::Permissions::from_mode(mode))
                .unwrap();
        };
        let (user, group) = (u32::MAX - 1, u32::MAX - 1);
        let other = ServerUser {
            switch: Some(Ids { user, group }),
            can_tie: false,
        };
        let own = ServerUser {
            switch: None,
            can_tie: false,
        };

        mode(0o700);
        assert!(!other.can_reach(&private.path().join("postgres")));
        assert!(own.can_reach(&private.path().join("postgres")));
        mode(0o711);
        assert!(other.can_reach(&private.path().join("postgres")));
    }
}
