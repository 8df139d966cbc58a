//! Adds up the files of a report in a local folder, by storage class and with `--depth` by prefix.
//!
//!     cargo run --release -p s3-inventory --example sum_files -- FOLDER [--depth N]
//!
//! The folder has `manifest.json`, `manifest.checksum` and the files. `make bench-inventory` measures this program.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use s3_inventory::{
    CsvReader, Footer, Format, Grouping, Manifest, PrefixSums, Query, Step, Sums, TAIL_BYTES,
};

/// Prefixes that are printed.
const PREFIXES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: sum_files FOLDER [--depth N]")?;
    let depth = match arguments.next().as_deref() {
        None => None,
        Some("--depth") => Some(arguments.next().ok_or("--depth needs a number")?.parse()?),
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    let query = Query {
        by_prefix: depth.map(|depth| Grouping::Folders {
            below: String::new(),
            depth,
        }),
        ..Query::default()
    };
    let (sums, prefixes) = sum(Path::new(&folder), &query)?;
    let mut out = io::stdout().lock();
    for (class, current, noncurrent) in sums.classes() {
        writeln!(
            out,
            "{class}\t{}\t{}\t{}\t{}",
            current.bytes, current.objects, noncurrent.bytes, noncurrent.objects
        )?;
    }
    if let Some(prefixes) = prefixes {
        let largest = prefixes.largest(PREFIXES).ok_or("too many prefixes")?;
        for (prefix, sum) in &largest.prefixes {
            writeln!(
                out,
                "{prefix}\t{}\t{}",
                sum.current.bytes, sum.current.objects
            )?;
        }
        writeln!(
            out,
            "other\t{}\t{}",
            largest.other.current.bytes, largest.other.current.objects
        )?;
    }
    Ok(())
}

/// Adds up the report in `folder`.
fn sum(folder: &Path, query: &Query) -> Result<(Sums, Option<PrefixSums>), Box<dyn Error>> {
    let checksum = fs::read_to_string(folder.join("manifest.checksum"))?;
    let manifest = Manifest::parse(&fs::read(folder.join("manifest.json"))?, &checksum)?;
    let mut sums = Sums::default();
    let mut prefixes = query.by_prefix.clone().map(PrefixSums::new);
    for file in &manifest.files {
        let path = folder.join(&file.key);
        match manifest.format {
            Format::Parquet => sum_parquet(&path, query, &mut sums, prefixes.as_mut())?,
            Format::Csv => {
                let mut reader = CsvReader::new(&manifest, query)?;
                let mut opened = File::open(&path)?;
                let mut block = vec![0; 1 << 20];
                loop {
                    match opened.read(&mut block)? {
                        0 => break,
                        count => reader.feed(block.get(..count).unwrap_or_default())?,
                    }
                }
                let (of_file, prefixes_of_file) = reader.finish(&file.md5)?;
                sums.merge(&of_file)?;
                if let (Some(all), Some(more)) = (prefixes.as_mut(), prefixes_of_file) {
                    all.merge(&more);
                }
            }
        }
    }
    Ok((sums, prefixes))
}

fn sum_parquet(
    path: &Path,
    query: &Query,
    sums: &mut Sums,
    mut prefixes: Option<&mut PrefixSums>,
) -> Result<(), Box<dyn Error>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let read = |start: u64, end: u64| -> io::Result<Vec<u8>> {
        (&file).seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&file)
            .take(end.saturating_sub(start))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let tail = size.saturating_sub(TAIL_BYTES);
    let metadata = Footer::metadata_bytes(&read(tail, size)?)?;
    let footer = Footer::parse(&read(tail.saturating_sub(metadata), tail)?, size)?;
    for index in 0..footer.group_count() {
        let mut group = footer.group(index, query)?;
        while let Step::Fetch(range) = group.step(sums, prefixes.as_deref_mut())? {
            group.supply(&read(range.start, range.end)?)?;
        }
    }
    Ok(())
}
