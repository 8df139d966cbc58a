//! Lets the driver verify a certificate for another name than the address of the connection, as behind a tunnel.
//!
//! sqlx checks the certificate against the host that it connects to, but also speaks TLS over a Unix socket. So we
//! connect ourselves, and hand the driver a private socket in a private folder.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};

use super::DatabaseError;
use crate::fleet::DatabaseTarget;

/// Folder with the socket. It is deleted with this value: an accepted connection does not need it.
pub(super) struct SocketFolder(PathBuf);

impl SocketFolder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Connects to `target`, and serves that one connection on the socket `name` in the returned folder.
///
/// Ends with either side. Drop the folder once the driver is connected.
///
/// # Errors
///
/// Those of the connection, before the socket exists.
pub(super) async fn open(
    target: &DatabaseTarget,
    name: &str,
) -> Result<SocketFolder, DatabaseError> {
    let failed = |error: io::Error| DatabaseError::from(sqlx::Error::Io(error));
    let server = TcpStream::connect((target.host.as_str(), target.port)).await;
    let mut server = server.map_err(failed)?;
    server.set_nodelay(true).map_err(failed)?;
    let folder = private_folder().map_err(failed)?;
    let socket = folder.path().join(name);
    let listener = UnixListener::bind(&socket).map_err(failed)?;
    std::fs::set_permissions(&socket, Permissions::from_mode(0o600)).map_err(failed)?;
    tokio::spawn(async move {
        if let Ok((mut driver, _)) = listener.accept().await {
            drop(listener);
            // The driver notices a broken connection by itself.
            let _ = copy_bidirectional(&mut driver, &mut server).await;
        }
    });
    Ok(folder)
}

/// Creates a folder that only this user can enter. Fails if it exists, whoever made it.
fn private_folder() -> io::Result<SocketFolder> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("mrt-relay-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(SocketFolder(path))
}
