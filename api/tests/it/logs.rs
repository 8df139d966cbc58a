//! Captures what a test logs on its thread, at every level.

use std::io;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// The log since [`Logs::start`].
pub(crate) struct Logs {
    written: Written,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Starts to capture at the most detailed level.
    pub(crate) fn start() -> Self {
        let written = Written::default();
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(written.clone());
        let subscriber = tracing_subscriber::registry()
            .with(shared::telemetry::filter("trace"))
            .with(lines);
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Returns the whole log.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
