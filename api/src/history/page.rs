//! One page of an answer: as many items as fit.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::http::answer::ANSWER_LIMIT_BYTES;
use crate::http::problem::Problem;

/// Items of the first targets of a page, in their order.
#[derive(Debug)]
pub(crate) struct Page<I> {
    /// The items.
    pub(crate) items: Vec<I>,
    /// When the history of the first of them begins; `None` without any.
    pub(crate) available_from: Option<DateTime<Utc>>,
    size_bytes: usize,
}

impl<I> Default for Page<I> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            available_from: None,
            size_bytes: 0,
        }
    }
}

impl<I: Serialize> Page<I> {
    /// Adds the item of the next target, whose history begins at `first`; returns whether it fits.
    ///
    /// # Errors
    ///
    /// [`Code::TooLarge`](crate::http::problem::Code::TooLarge) when the first item alone does not fit.
    pub(crate) fn add(&mut self, item: I, first: Option<DateTime<Utc>>) -> Result<bool, Problem> {
        let json = serde_json::to_vec(&item).map_err(Problem::internal)?;
        self.size_bytes += json.len();
        if self.size_bytes > ANSWER_LIMIT_BYTES {
            if self.items.is_empty() {
                return Err(Problem::too_large(
                    "request fewer parts with the parameter \"top\"",
                ));
            }
            return Ok(false);
        }
        let firsts = self.available_from.into_iter().chain(first);
        self.available_from = firsts.min();
        self.items.push(item);
        Ok(true)
    }
}
