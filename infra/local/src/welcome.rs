//! The output of `mrt serve` after the start: its URL, a token and a command for each route with data.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use api::http::endpoint::Route;
use api::http::media_type::MediaType;
use api::routes::ROUTES;
use shared::fleet::Fleet;

use crate::identity::Identity;
use crate::running_server::RunningServer;

/// What to print.
pub(crate) struct Welcome<'a> {
    pub(crate) running: &'a RunningServer,
    pub(crate) fleet: &'a Fleet,
    /// Folder with all data.
    pub(crate) data: &'a Path,
    /// Time between collections.
    pub(crate) every: Duration,
    /// Folder whose files are objects; only in the demo.
    pub(crate) buckets_path: Option<&'a Path>,
}

/// Returns the text, with a new token of `identity`.
pub(crate) fn text(identity: &Identity, welcome: &Welcome<'_>) -> anyhow::Result<String> {
    let Welcome { running, data, .. } = welcome;
    let form = BTreeMap::from([("grant_type".to_owned(), "client_credentials".to_owned())]);
    let token = identity.token(&form, Some(identity.client()));
    let token = token.map_err(|error| anyhow::anyhow!(error.as_str()))?;
    let token = token["access_token"].as_str().unwrap_or_default();
    let every = humantime::format_duration(welcome.every);
    let mut lines = vec![
        format!(
            "MRT API on {}  (collects every {every}, data in {}, stop with Ctrl-C)",
            running.url,
            data.display()
        ),
        format!("Open {}/ in a browser.", running.url),
    ];
    if let Some(path) = welcome.buckets_path {
        lines.push(format!(
            "Drop a file into a folder of {} and see the numbers change.",
            path.display()
        ));
    }
    if let Some(aws) = &running.aws {
        lines.push(format!(
            "To use the demo's S3 server with other commands: export AWS_ENDPOINT_URL={} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
            aws.endpoint, aws.access_key, aws.secret_key
        ));
    }
    lines.push(format!("\nexport TOKEN={token}\n"));
    let environment = example_environment(welcome.fleet);
    for route in ROUTES
        .iter()
        .filter(|route| route.media_types[0] != MediaType::Html)
    {
        lines.push(curl(route, &running.url, environment));
    }
    lines.push(String::from("\n"));
    Ok(lines.join("\n"))
}

/// Returns an environment with data for every route, or else the first.
fn example_environment(fleet: &Fleet) -> &str {
    let mut complete = fleet
        .environments()
        .filter(|environment| environment.database.is_some() && environment.constants.is_some());
    let example = complete.next().or_else(|| fleet.environments().next());
    example.map_or("", |environment| &environment.name)
}

fn curl(route: &Route, url: &str, environment: &str) -> String {
    let mut parameters = route.parameters.iter();
    let needs_environment =
        parameters.any(|parameter| parameter.name == "environment" && parameter.is_required);
    let query = if needs_environment {
        format!("?environment={environment}")
    } else {
        String::new()
    };
    let header = if route.scope.is_some() {
        "-H \"Authorization: Bearer $TOKEN\" "
    } else {
        ""
    };
    format!("curl -s {header}'{url}{}{query}'", route.path)
}

#[cfg(test)]
mod tests {
    use shared::fleet::Engine;
    use shared::testing::fleet::FleetBuilder;

    use super::*;

    #[test]
    fn printed_commands_can_be_run_as_they_are() {
        let fleet = FleetBuilder::with("empty")
            .environment("full")
            .database(Engine::Postgres, "db.example.com", "acme", "")
            .constants("metadata.json", &[])
            .parse()
            .unwrap();

        assert_eq!(example_environment(&fleet), "full");
        assert_eq!(
            curl(&api::users::ROUTE, "http://127.0.0.1:8080", "full"),
            "curl -s -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/users'"
        );
        assert_eq!(
            curl(&api::users::LIST_ROUTE, "http://127.0.0.1:8080", "full"),
            "curl -s -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/users/list?environment=full'"
        );
        assert_eq!(
            curl(&api::health::ROUTE, "http://127.0.0.1:8080", "full"),
            "curl -s 'http://127.0.0.1:8080/health'"
        );
    }
}
