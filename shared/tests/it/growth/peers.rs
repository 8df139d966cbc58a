//! What other tools compute, on the same points.

/// Returns the last point minus the last one that is at least seven days older, per day: `PgHero`'s growth.
pub(super) fn difference(points: &[(i64, f64)]) -> f64 {
    let (hour, bytes) = *points.last().unwrap();
    let older = points
        .iter()
        .rev()
        .find(|(older, _)| hour - older >= 7 * 24);
    let (first, before) = older.copied().unwrap_or(points[0]);
    (bytes - before) * 24.0 / (hour - first) as f64
}

/// Returns the slope of the line of least squares through the last `days`, per day: `predict_linear` of Prometheus.
pub(super) fn least_squares(points: &[(i64, f64)], days: i64) -> f64 {
    let (end, _) = *points.last().unwrap();
    let points = || points.iter().filter(|(hour, _)| end - hour < days * 24);
    let count = points().count() as f64;
    let mean_hour = points().map(|(hour, _)| *hour as f64).sum::<f64>() / count;
    let mean_bytes = points().map(|(_, bytes)| bytes).sum::<f64>() / count;
    let (mut product, mut square) = (0.0, 0.0);
    for (hour, bytes) in points() {
        let distance = *hour as f64 - mean_hour;
        product += distance * (bytes - mean_bytes);
        square += distance * distance;
    }
    product * 24.0 / square
}
