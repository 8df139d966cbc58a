//! Finds PostgreSQL's programs on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow};
use shared::config::{ProcessVariables, Variables};

/// Folder with each version on Debian and Ubuntu: `<version>/bin`, which is not in the search path.
const DEBIAN_VERSIONS: &str = "/usr/lib/postgresql";
/// Programs that the demo needs.
const NEEDED: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// One installed version of PostgreSQL.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    folder: PathBuf,
    /// Major version. Different major versions cannot read each other's folders.
    pub(super) major: u32,
}

impl Programs {
    /// Returns the newest version in Debian's folder, or else the one in the search path.
    ///
    /// # Errors
    ///
    /// Names the package to install.
    pub(super) fn find() -> anyhow::Result<Self> {
        let path = ProcessVariables.get("PATH").unwrap_or_default();
        let folder = newest(Path::new(DEBIAN_VERSIONS))
            .or_else(|| std::env::split_paths(&path).find(|folder| has_all(folder)))
            .ok_or_else(|| {
                anyhow!(
                    "the demo needs PostgreSQL's server programs: install the package postgresql \
                     (Debian 12: postgresql-15), for example with: apt-get install postgresql"
                )
            })?;
        let major = major_version(&folder.join("postgres"))?;
        Ok(Self { folder, major })
    }

    /// Returns the path of the server.
    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// Returns the path of the program that creates a cluster.
    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// Returns the path of the program that stops servers.
    pub(super) fn pg_ctl(&self) -> PathBuf {
        self.folder.join("pg_ctl")
    }
}

fn has_all(folder: &Path) -> bool {
    NEEDED.iter().all(|name| folder.join(name).is_file())
}

fn newest(versions: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(versions).ok()?;
    entries
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            has_all(&folder).then_some((version, folder))
        })
        .max()
        .map(|(_, folder)| folder)
}

fn major_version(postgres: &Path) -> anyhow::Result<u32> {
    let failure = format!("could not get the version of {}", postgres.display());
    let output = Command::new(postgres)
        .arg("--version")
        .output()
        .context(failure.clone())?;
    parse_version(&String::from_utf8_lossy(&output.stdout)).context(failure)
}

/// Parses 15 from `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, also from `16devel` or `17rc1`.
fn parse_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_parsed_from_the_servers_output() {
        for (text, version) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta2", Some(18)),
            ("mysqld  Ver 8.0", None),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }

    #[test]
    fn the_newest_complete_version_is_taken() {
        let versions = tempfile::tempdir().unwrap();
        for (version, names) in [
            ("9", &NEEDED[..]),
            ("15", &NEEDED[..]),
            ("17", &NEEDED[..1]),
        ] {
            let bin = versions.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for name in names {
                std::fs::write(bin.join(name), "").unwrap();
            }
        }

        let found = newest(versions.path()).unwrap();

        assert_eq!(found, versions.path().join("15/bin"));
    }
}
