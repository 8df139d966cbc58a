//! `/users` as comma-separated values: one line for each environment, account, or group of environments.

use serde_json::Value;

use super::distinct_view::DistinctUsers;
use super::view::{FleetUsers, UserCounts, UserList};
use crate::http::csv::{Cell, Csv};

const COUNTS: [&str; 22] = [
    "environment",
    "as_of",
    "total",
    "active",
    "inactive",
    "blocked",
    "active_humans",
    "active_web_services",
    "active_never_logged_in",
    "license_estimate",
    "metering",
    "internal",
    "external",
    "unclassified",
    "case_duplicates",
    "runtime_metric",
    "without_role",
    "named_user_sessions",
    "session_users",
    "anonymous_sessions",
    "anonymous_rows",
    "problem",
];

const LIST: [&str; 12] = [
    "id",
    "user",
    "name",
    "kind",
    "entity",
    "active",
    "blocked",
    "blocked_since",
    "user_type",
    "roles",
    "last_login",
    "created",
];

const DISTINCT: [&str; 11] = [
    "row",
    "name",
    "production",
    "named_user_count",
    "internal",
    "external",
    "unclassified",
    "environment_sum",
    "only_here",
    "unread_count",
    "problem",
];

/// Returns the counts of one environment.
pub(super) fn of_counts(counts: &UserCounts) -> Vec<u8> {
    let mut csv = Csv::new(&COUNTS);
    csv.row(counts_cells(counts));
    csv.into_body()
}

/// Returns a line for each environment. One without counts has its problem, or nothing if it has no database.
pub(super) fn of_fleet(fleet: &FleetUsers) -> Vec<u8> {
    let mut csv = Csv::new(&COUNTS);
    for item in &fleet.items {
        match &item.counts {
            Some(counts) => csv.row(counts_cells(counts)),
            None => {
                let empty = std::iter::repeat_n(Cell::Empty, COUNTS.len() - 2);
                let start = std::iter::once(Cell::from(&item.environment));
                let problem = item.problem.as_ref().map_or(Cell::Empty, problem_cell);
                csv.row(start.chain(empty).chain([problem]));
            }
        }
    }
    csv.into_body()
}

/// Returns a line for each account of a page.
pub(super) fn of_list(list: &UserList) -> Vec<u8> {
    let mut csv = Csv::new(&LIST);
    for user in &list.users {
        let roles = user.roles.as_ref().map(|roles| roles.join("; "));
        csv.row([
            Cell::from(&user.id),
            user.user.as_ref().into(),
            user.name.as_ref().into(),
            (&user.kind).into(),
            user.entity.as_ref().into(),
            user.active.into(),
            user.blocked.into(),
            user.blocked_since.into(),
            user.user_type.as_ref().into(),
            roles.as_ref().into(),
            user.last_login.into(),
            user.created.into(),
        ]);
    }
    csv.into_body()
}

/// Returns a line for each group and each environment, read or not.
pub(super) fn of_distinct(distinct: &DistinctUsers) -> Vec<u8> {
    let mut csv = Csv::new(&DISTINCT);
    for group in &distinct.groups {
        csv.row([
            Cell::from("group"),
            (&group.group).into(),
            Cell::Empty,
            group.named_user_count.into(),
            group.internal.into(),
            group.external.into(),
            group.unclassified.into(),
            group.environment_sum.into(),
            Cell::Empty,
            group.unread_count.into(),
            Cell::Empty,
        ]);
    }
    for environment in &distinct.environments {
        csv.row([
            Cell::from("environment"),
            (&environment.environment).into(),
            environment.production.into(),
            environment.named_user_count.into(),
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            environment.only_here.into(),
            Cell::Empty,
            Cell::Empty,
        ]);
    }
    for unread in &distinct.unread {
        let start = [
            Cell::from("unread"),
            (&unread.environment).into(),
            unread.production.into(),
        ];
        let empty = std::iter::repeat_n(Cell::Empty, DISTINCT.len() - 4);
        let problem = [problem_cell(&unread.problem)];
        csv.row(start.into_iter().chain(empty).chain(problem));
    }
    csv.into_body()
}

fn counts_cells(counts: &UserCounts) -> [Cell<'_>; 22] {
    let sessions = counts.sessions.as_ref();
    let named = &counts.named;
    [
        (&counts.environment).into(),
        counts.as_of.into(),
        named.total.into(),
        named.active.into(),
        named.inactive.into(),
        named.blocked.into(),
        named.active_by_kind.human.into(),
        named.active_by_kind.web_service.into(),
        named.active_never_logged_in.into(),
        counts.license_estimate.named_user_count.into(),
        counts.metering.named_user_count.into(),
        counts.metering.internal.into(),
        counts.metering.external.into(),
        counts.metering.unclassified.into(),
        counts.metering.case_duplicates.into(),
        counts.runtime_metric.named_user_count.into(),
        counts.without_role.into(),
        sessions.map(|sessions| sessions.named_user_sessions).into(),
        sessions
            .map(|sessions| sessions.distinct_named_users)
            .into(),
        sessions.map(|sessions| sessions.anonymous_sessions).into(),
        counts.anonymous_rows.into(),
        Cell::Empty,
    ]
}

/// Returns the code of a problem.
fn problem_cell(problem: &Value) -> Cell<'_> {
    let code = problem.get("type").and_then(Value::as_str);
    code.map(|code| code.trim_start_matches("urn:mrt:problem:"))
        .into()
}
