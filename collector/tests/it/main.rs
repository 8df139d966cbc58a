//! Tests of the collector from outside: recorded events in, snapshots out; real services where variables name them.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod cloudwatch;
#[cfg(test)]
mod discover;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod history;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod planning;
#[cfg(test)]
mod services;
#[cfg(test)]
mod sqs;
#[cfg(test)]
mod storage_size;
#[cfg(test)]
mod support;
#[cfg(test)]
mod table_size;
