//! Reads the files of a report that are in memory, as a collector does with ranges of objects.

use s3_inventory::{
    CsvReader, Footer, Format, InventoryError, Manifest, PrefixSums, Query, Step, Sums, TAIL_BYTES,
};

/// Sums of a report.
pub(crate) type Summed = Result<(Sums, Option<PrefixSums>), InventoryError>;

/// Adds up a Parquet file.
pub(crate) fn parquet(file: &[u8], query: &Query) -> Summed {
    let mut sums = Sums::default();
    let mut prefixes = query.by_prefix.clone().map(PrefixSums::new);
    let size = file.len() as u64;
    let range = |start: u64, end: u64| {
        let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        file.get(range).unwrap_or_default()
    };
    let tail = size.saturating_sub(TAIL_BYTES);
    let metadata = Footer::metadata_bytes(range(tail, size))?;
    let footer = Footer::parse(range(tail.saturating_sub(metadata), tail), size)?;
    for index in 0..footer.group_count() {
        let mut group = footer.group(index, query)?;
        while let Step::Fetch(wanted) = group.step(&mut sums, prefixes.as_mut())? {
            group.supply(range(wanted.start, wanted.end))?;
        }
    }
    Ok((sums, prefixes))
}

/// Adds up a CSV file that arrives in pieces of `piece` bytes.
pub(crate) fn csv(
    manifest: &Manifest,
    file: &[u8],
    md5: &str,
    piece: usize,
    query: &Query,
) -> Summed {
    let mut reader = CsvReader::new(manifest, query)?;
    for bytes in file.chunks(piece) {
        reader.feed(bytes)?;
    }
    reader.finish(md5)
}

/// Adds up a report of either format.
pub(crate) fn report(manifest: &Manifest, files: &[Vec<u8>], query: &Query) -> Summed {
    let mut summed = (
        Sums::default(),
        query.by_prefix.clone().map(PrefixSums::new),
    );
    for (entry, file) in manifest.files.iter().zip(files) {
        let (sums, prefixes) = match manifest.format {
            Format::Csv => csv(manifest, file, &entry.md5, 7, query)?,
            Format::Parquet => parquet(file, query)?,
        };
        summed.0.merge(&sums)?;
        if let (Some(all), Some(more)) = (summed.1.as_mut(), prefixes) {
            all.merge(&more);
        }
    }
    Ok(summed)
}
