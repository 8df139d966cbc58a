//! What explains the change of one target, as it is answered. No I/O: domain in, wire out.

use schemars::JsonSchema;
use serde::Serialize;
use shared::history::Point;
use shared::history::changes::{Changes, ChangesError};

use super::ends::Ends;
use super::view::GapView;

/// What explains the change of one target's size.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explained {
    /// What changed between the first and the last measurement of the range; null with a `reason`.
    pub changes: Option<Changes>,
    /// Why nothing can be explained; null when it can.
    pub reason: Option<ChangesReason>,
    /// Stretches of time at the ends of the range that could not be read: the measurements after and before them were
    /// taken instead.
    pub gaps: Vec<GapView>,
}

/// Why nothing can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangesReason {
    /// There is no measurement in the range.
    NoMeasurement,
    /// Nothing was measured at both times that can be compared.
    NothingInCommon,
    /// A change does not fit 64 bits.
    OutOfRange,
}

impl ChangesReason {
    /// Returns the word for it in answers.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoMeasurement => "no_measurement",
            Self::NothingInCommon => "nothing_in_common",
            Self::OutOfRange => "out_of_range",
        }
    }
}

impl Explained {
    /// Returns what `compare` says about the measurements at both ends.
    pub(crate) fn of(
        ends: Ends,
        compare: impl Fn(&Point, &Point) -> Result<Changes, ChangesError>,
    ) -> Self {
        let changes = match &ends.points {
            Some([from, to]) => compare(from, to).map_err(ChangesReason::from),
            None => Err(ChangesReason::NoMeasurement),
        };
        Self {
            reason: changes.as_ref().err().copied(),
            changes: changes.ok(),
            gaps: ends.gaps,
        }
    }
}

impl From<ChangesError> for ChangesReason {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::NothingInCommon => Self::NothingInCommon,
            ChangesError::OutOfRange => Self::OutOfRange,
        }
    }
}
