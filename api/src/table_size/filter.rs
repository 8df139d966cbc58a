//! Which tables of a database an answer shows.

use shared::snapshot::TableSize;

use crate::http::endpoint::Call;

/// Which tables of a database to show.
#[derive(Debug, Clone, Copy)]
pub struct TableFilter<'a> {
    /// Only tables of this schema.
    pub schema: Option<&'a str>,
    /// Only tables of this name.
    pub table: Option<&'a str>,
    /// Most tables to show.
    pub limit: usize,
    /// Whether sums of modules are shown instead of tables.
    pub is_grouped: bool,
    /// Whether partitions are shown in addition to their tables.
    pub has_partitions: bool,
    /// Whether daily totals and growth are shown.
    pub has_trend: bool,
}

impl<'a> TableFilter<'a> {
    /// Returns the filter that the call's parameters describe.
    pub(super) fn of(call: &'a Call<'_>) -> Self {
        Self {
            schema: call.parameters.text("schema"),
            table: call.parameters.text("table"),
            limit: usize::try_from(call.parameters.number("tables")).unwrap_or(usize::MAX),
            is_grouped: call.parameters.text("group").is_some(),
            has_partitions: call.parameters.has_word("include", "partitions"),
            has_trend: call.parameters.has_word("include", "trend"),
        }
    }
}

impl TableFilter<'_> {
    /// Returns whether it selects tables by their name or schema.
    pub(super) fn is_narrow(&self) -> bool {
        self.schema.is_some() || self.table.is_some()
    }

    /// Returns whether it selects the table of this name.
    pub(super) fn selects(&self, schema: &str, table: &str) -> bool {
        self.schema.is_none_or(|wanted| wanted == schema)
            && self.table.is_none_or(|wanted| wanted == table)
    }

    /// Returns whether `table` is a row of the answer. [`TableFilter::counts`] decides on sums.
    pub(super) fn shows(&self, table: &TableSize) -> bool {
        let is_wanted = !table.is_partition() || self.has_partitions || self.table.is_some();
        is_wanted && !self.is_grouped && self.selects(&table.schema, &table.table)
    }

    /// Returns whether `table` is in the answer, as a row or in a sum of its module, but for [`TableFilter::limit`].
    pub(super) fn includes(&self, table: &TableSize) -> bool {
        self.shows(table) || self.is_grouped && self.counts(table)
    }

    /// Returns whether sums include `table`: they count each byte once.
    pub(super) fn counts(&self, table: &TableSize) -> bool {
        !table.is_partition() && self.selects(&table.schema, &table.table)
    }
}
