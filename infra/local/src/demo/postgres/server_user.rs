//! Which user PostgreSQL runs as: this program's own, or `postgres` when that is root, whom it refuses.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Whom it runs as in place of root; PostgreSQL's packages make this user.
const SERVICE_USER: &str = "postgres";
/// From util-linux; ends the server when this program is killed and cannot do it itself.
const TIE: &str = "setpriv";

/// The user of PostgreSQL's processes.
#[derive(Debug, Clone)]
pub(super) struct ServerUser {
    /// User and group to switch to; `None` when they run as whoever we are.
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
    /// Finds out who we are and whom PostgreSQL can run as.
    ///
    /// # Errors
    ///
    /// When we are root and the machine has no user `postgres`.
    pub(super) fn find() -> anyhow::Result<Self> {
        let output = Command::new("id")
            .arg("-u")
            .output()
            .context("could not ask id for this user's number")?;
        let is_root = output.stdout.trim_ascii() == b"0";
        let switch = if is_root {
            let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
            let ids = find_user(&users, SERVICE_USER);
            ensure!(
                ids.is_some(),
                "PostgreSQL does not run as root and this machine has no user {SERVICE_USER}: \
                 make that user, or run the demo as another user than root"
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

    /// Returns the ids that files of the server must have, `None` when they are our own.
    pub(super) fn switched_ids(&self) -> Option<Ids> {
        self.switch
    }

    /// Returns a command that runs as this user in `folder`, with no more environment than it needs.
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        self.prepare(&mut command, folder);
        command
    }

    /// Returns such a command whose process is interrupted when the thread that started it ends.
    ///
    /// Where the system has no [`TIE`], a server can outlive a killed demo; the next start ends it.
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
        // The environment may hold credentials, and PG* variables that change what the programs do.
        // A group of its own: Ctrl-C reaches us only, and we end the server when nobody needs it any more.
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .current_dir(folder)
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(ids) = self.switch {
            // Also drops root's further groups.
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
    fn users_are_found_by_their_whole_name() {
        let found = Ids {
            user: 101,
            group: 104,
        };

        assert_eq!(find_user(USERS, "postgres"), Some(found));
        assert_eq!(find_user(USERS, "nobody"), None);
        assert_eq!(find_user(USERS, "broken"), None);
    }

    #[test]
    fn a_private_folder_is_out_of_another_users_reach() {
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
