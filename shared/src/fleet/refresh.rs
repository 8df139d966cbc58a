//! How often targets are measured: the budget for listing the fleet's buckets, and how far a number may be off.

/// Default number of LIST requests a day.
const DEFAULT_LIST_REQUESTS_PER_DAY: u64 = 1_000_000;

/// How far a total may be off before its target is measured again, as a part of the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxError {
    millionths: u32,
}

impl MaxError {
    /// One percent: less than what anyone decides by.
    pub const DEFAULT: Self = Self { millionths: 10_000 };
    /// Most decimal places of a percentage.
    const DECIMALS: usize = 4;

    /// Returns the part in millionths; 0 measures at every tick.
    pub fn millionths(self) -> u32 {
        self.millionths
    }

    /// Parses a percentage from 0 to 100, such as `0.5`.
    pub(super) fn parse_percent(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if decimals.is_empty() || decimals.len() > Self::DECIMALS {
            return None;
        }
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let whole: u32 = whole.parse().ok().filter(|_| is_number(whole))?;
        let padded = format!("{decimals:0<width$}", width = Self::DECIMALS);
        let decimals: u32 = padded.parse().ok().filter(|_| is_number(&padded))?;
        let millionths = whole.checked_mul(10_000)?.checked_add(decimals)?;
        (millionths <= 1_000_000).then_some(Self { millionths })
    }
}

/// What `[refresh]` says about the whole fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshBudget {
    /// LIST requests a day, which AWS bills: one for 1,000 objects. An average over the intervals of successful
    /// scheduled runs.
    ///
    /// At $0.005 for 1,000 requests, 1,000,000 a day are $5 a day and $152 a month; one dollar a month is
    /// 6,571 requests a day.
    pub list_requests_per_day: u64,
    /// How far totals may be off that have no limit of their own.
    pub max_error: MaxError,
}

impl Default for RefreshBudget {
    /// A million a day: a hundred million objects every three hours, or 400 buckets of 100,000 every hour.
    fn default() -> Self {
        Self {
            list_requests_per_day: DEFAULT_LIST_REQUESTS_PER_DAY,
            max_error: MaxError::DEFAULT,
        }
    }
}
