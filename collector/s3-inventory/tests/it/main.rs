//! The reader on reports that other programs wrote, whole and damaged.

#[cfg(test)]
mod damaged;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod reports;
