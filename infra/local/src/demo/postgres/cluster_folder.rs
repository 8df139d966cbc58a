//! The folder of the cluster: its location, its owner, and the creation of the cluster in it.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use aws_lc_rs::digest;
use uuid::Uuid;

use super::programs::Programs;
use super::server_user::{Ids, ServerUser};
use super::{SUPERUSER, process};
use crate::secret_file::write_secret;

/// Longest wait for the creation of a cluster, which takes 0.7 s on an SSD.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Folder that all users can reach.
const REACHABLE: &str = "/tmp";
/// File with the location of a cluster that is not in the data folder.
const LOCATION: &str = "postgres.location";

/// Prefix of the name of a cluster during its creation.
const UNFINISHED: &str = "cluster.unfinished-";

/// The folder with the cluster. Only the server's user has access.
#[derive(Debug)]
pub(super) struct ClusterFolder {
    path: PathBuf,
}

impl ClusterFolder {
    /// Opens `demo/postgres`, or a folder in `/tmp` if the server's user cannot reach that.
    pub(super) fn open(demo: &Path, user: &ServerUser) -> anyhow::Result<Self> {
        let demo = demo
            .canonicalize()
            .with_context(|| format!("there is no folder {}", demo.display()))?;
        let mut folder = demo.join("postgres");
        if !user.can_reach(&folder) {
            folder = reachable_folder(&folder);
            let note = demo.join(LOCATION);
            std::fs::write(&note, format!("{}\n", folder.display()))
                .with_context(|| format!("could not write {}", note.display()))?;
        }
        private_folder(&folder, user.switched_ids())
            .with_context(|| format!("{} is not a private folder of the demo", folder.display()))?;
        Ok(Self { path: folder })
    }

    /// Returns its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the cluster in it.
    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }
}

/// Returns the superuser's password. Creates the cluster unless there is one that `programs` can run.
pub(super) async fn prepare(
    programs: &Programs,
    user: &ServerUser,
    folder: &ClusterFolder,
    demo: &Path,
) -> anyhow::Result<String> {
    let cluster = folder.cluster();
    let password_file = demo.join("postgres.password");
    let version = std::fs::read_to_string(cluster.join("PG_VERSION")).unwrap_or_default();
    if version.trim() == programs.major.to_string()
        && let Ok(password) = std::fs::read_to_string(&password_file)
        && !password.is_empty()
    {
        return Ok(password);
    }
    if !version.is_empty() {
        tracing::warn!(
            cluster.version = version.trim(),
            program.version = programs.major,
            "the installed PostgreSQL cannot open the demo's databases; creating them again"
        );
    }
    remove_folder(&cluster)?;
    remove_unfinished(folder.path());
    let unfinished = folder
        .path()
        .join(format!("{UNFINISHED}{}", Uuid::new_v4()));
    let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    write_secret(&password_file, &password)?;
    let handed_over = folder.path().join("password");
    write_secret(&handed_over, &password)?;
    if let Some(owner) = user.switched_ids() {
        give_away(&handed_over, owner)?;
    }

    let mut initdb = user.command(&programs.initdb(), folder.path());
    initdb
        .args([
            "--username",
            SUPERUSER,
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ])
        .args(["--auth-local", "reject", "--auth-host", "scram-sha-256"])
        // The smallest segments, because a new cluster contains at least one and the demo writes little.
        .args(["--wal-segsize", "1", "--no-sync", "--no-instructions"])
        .arg("--pwfile")
        .arg(&handed_over)
        .arg("-D")
        .arg(&unfinished);
    let created = process::run(initdb, INIT_TIMEOUT).await;
    std::fs::remove_file(&handed_over)?;
    created.context("could not create a PostgreSQL cluster")?;
    // Only a complete cluster has this name.
    std::fs::rename(&unfinished, &cluster)?;
    Ok(password)
}

fn reachable_folder(folder: &Path) -> PathBuf {
    let hash = digest::digest(&digest::SHA256, folder.as_os_str().as_encoded_bytes());
    let hash: String = hash
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Path::new(REACHABLE).join(format!("mrt-demo-{hash}"))
}

/// Creates `folder` with mode 0700 and `owner`, or checks that an existing one has them.
fn private_folder(folder: &Path, owner: Option<Ids>) -> anyhow::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {
            if let Some(owner) = owner {
                lchown(folder, Some(owner.user), Some(owner.group))?;
            }
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    // Any user could have created this name in a folder that all users can write to.
    let metadata = folder.symlink_metadata()?;
    ensure!(metadata.is_dir(), "it is not a folder");
    if let Some(owner) = owner
        && metadata.uid() != owner.user
    {
        let is_ours = folder.parent() != Some(Path::new(REACHABLE));
        ensure!(is_ours, "it belongs to another user");
        // An earlier demo ran as another user.
        give_away(folder, owner)?;
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).context(
        "it belongs to another user, who ran the demo before: remove it, or run the demo as that user",
    )
}

fn give_away(path: &Path, owner: Ids) -> io::Result<()> {
    lchown(path, Some(owner.user), Some(owner.group))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            give_away(&entry?.path(), owner)?;
        }
    }
    Ok(())
}

/// Removes the folders of interrupted starts, as far as possible.
///
/// The `initdb` of a killed demo may still be writing to one. Each start uses a new folder, and a later start removes
/// the rest.
fn remove_unfinished(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_data_folder_has_its_own_reachable_folder() {
        let one = reachable_folder(Path::new("/root/one/.mrt/demo/postgres"));
        let two = reachable_folder(Path::new("/root/two/.mrt/demo/postgres"));

        assert_ne!(one, two);
        assert_eq!(
            one,
            reachable_folder(Path::new("/root/one/.mrt/demo/postgres"))
        );
        assert!(one.starts_with("/tmp"), "{}", one.display());
    }

    #[test]
    fn a_link_is_not_a_private_folder() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("postgres");
        std::os::unix::fs::symlink("/", &link).unwrap();

        assert!(private_folder(&link, None).is_err());
    }
}
