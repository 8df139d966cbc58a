//! What a rebuild did, as it is printed and as the function answers.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde::Serialize;
use shared::fleet::{Kind, TargetId};
use shared::history::{LeftBlock, Rebuilt, Unreadable};
use shared::store::StoreError;
use shared::telemetry::error_chain;

use super::request::RebuildRequest;

/// What was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuildReport {
    /// First UTC day.
    pub from: NaiveDate,
    /// Last UTC day, included.
    pub to: NaiveDate,
    /// Targets that anything was done about, by kind and id.
    pub targets: Vec<RebuiltTarget>,
    /// The request for what there was no time for; `None` when all is done.
    pub next: Option<RebuildRequest>,
}

/// One measurement of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RebuiltTarget {
    /// What is measured: `bucket`, `database` or `storage_metrics`.
    pub kind: &'static str,
    /// The target's id.
    pub target: String,
    /// Days that have blocks now.
    pub days: usize,
    /// Runs in them.
    pub runs: usize,
    /// Stretches of days that no run is known of: first and last day, both included.
    pub gaps: Vec<[NaiveDate; 2]>,
    /// Blocks that stay as they are.
    pub unwritten: Vec<UnwrittenBlock>,
    /// Why some of its days were not rebuilt; `None` when all were.
    pub error: Option<String>,
}

/// A block that could not be made anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnwrittenBlock {
    /// Its key in the store.
    pub block: String,
    /// Why it was left.
    pub reason: String,
}

impl RebuildReport {
    pub(super) fn of(days: &RangeInclusive<NaiveDate>) -> Self {
        Self {
            from: *days.start(),
            to: *days.end(),
            targets: Vec::new(),
            next: None,
        }
    }

    /// Adds what a step did about a target. Steps come in the order of time.
    pub(super) fn add(&mut self, kind: Kind, target: &TargetId, step: Result<Rebuilt, StoreError>) {
        let kind = kind.as_str();
        let found = self
            .targets
            .iter()
            .position(|known| known.kind == kind && known.target == target.as_str());
        let number = found.unwrap_or_else(|| {
            self.targets.push(RebuiltTarget::none(kind, target));
            self.targets.len() - 1
        });
        if let Some(known) = self.targets.get_mut(number) {
            known.add(step);
        }
    }

    /// Returns whether every day that was to be rebuilt was.
    pub fn is_whole(&self) -> bool {
        let is_whole =
            |target: &RebuiltTarget| target.error.is_none() && target.unwritten.is_empty();
        self.next.is_none() && self.targets.iter().all(is_whole)
    }
}

impl RebuiltTarget {
    fn none(kind: &'static str, target: &TargetId) -> Self {
        Self {
            kind,
            target: target.to_string(),
            days: 0,
            runs: 0,
            gaps: Vec::new(),
            unwritten: Vec::new(),
            error: None,
        }
    }

    fn add(&mut self, step: Result<Rebuilt, StoreError>) {
        let rebuilt = match step {
            Ok(rebuilt) => rebuilt,
            Err(error) => {
                self.error.get_or_insert_with(|| error_chain(&error));
                return;
            }
        };
        self.days += rebuilt.days;
        self.runs += rebuilt.runs;
        for day in rebuilt.days_without_runs {
            match self.gaps.last_mut() {
                Some([_, last]) if last.succ_opt() == Some(day) => *last = day,
                _ => self.gaps.push([day, day]),
            }
        }
        let unwritten = rebuilt.left.into_iter().map(UnwrittenBlock::from);
        self.unwritten.extend(unwritten);
    }
}

impl From<LeftBlock> for UnwrittenBlock {
    fn from(block: LeftBlock) -> Self {
        let reason = match block.reason {
            Unreadable::Newer => "a newer program wrote it".to_owned(),
            Unreadable::Damaged(reason) => reason,
            Unreadable::ListMissing => "the list that names its tables is lost".to_owned(),
        };
        Self {
            block: block.key.to_string(),
            reason,
        }
    }
}
