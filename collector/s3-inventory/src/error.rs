//! Why a report cannot be used.

/// Why a report cannot be used. No variant ever stands for a smaller number: a report is read whole, or it is an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// The report is not what S3 writes: it is truncated, changed or contradicts itself.
    #[error("the inventory is damaged: {0}")]
    Damaged(String),
    /// The report is valid, but in a form that is not read here, or without a field that a size needs.
    #[error("the inventory cannot be used: {0}")]
    Unsupported(String),
}

/// Returns [`InventoryError::Damaged`] with `what`.
pub(crate) fn damaged(what: impl Into<String>) -> InventoryError {
    InventoryError::Damaged(what.into())
}

/// Returns [`InventoryError::Unsupported`] with `what`.
pub(crate) fn unsupported(what: impl Into<String>) -> InventoryError {
    InventoryError::Unsupported(what.into())
}
