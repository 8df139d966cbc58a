//! What a person who started `mrt serve` needs to go on: where it is, a token and a line for each route.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use api::http::endpoint::Route;
use api::routes::ROUTES;
use shared::fleet::Fleet;

use crate::identity::Identity;
use crate::running_server::RunningServer;

/// Prints it on standard output. `buckets_path` is where files become objects, in the demo.
#[expect(clippy::print_stdout, reason = "the answer to a person or a script")]
pub(crate) fn print(
    identity: &Identity,
    running: &RunningServer,
    fleet: &Fleet,
    (data, every, buckets_path): (&Path, Duration, Option<&Path>),
) -> anyhow::Result<()> {
    let form = BTreeMap::from([("grant_type".to_owned(), "client_credentials".to_owned())]);
    let client = Some((running.client_id.clone(), running.client_secret.clone()));
    let token = identity.token(&form, client);
    let token = token.map_err(|refusal| anyhow::anyhow!(refusal.as_str()))?;
    let token = token["access_token"].as_str().unwrap_or_default();
    let every = humantime::format_duration(every);
    println!(
        "MRT API on {}  (collects every {every}, keeps its data in {}, Ctrl-C stops it)",
        running.url,
        data.display()
    );
    if let Some(path) = buckets_path {
        println!(
            "Drop a file into a folder of {} and see the answer change.",
            path.display()
        );
    }
    if let Some(aws) = &running.aws {
        println!(
            "For aws, mrt bucket-size and others: export AWS_ENDPOINT_URL={} AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
            aws.endpoint, aws.access_key, aws.secret_key
        );
    }
    println!("\nexport TOKEN={token}\n");
    let environment = example_environment(fleet);
    for route in ROUTES {
        println!("{}", curl(route, &running.url, environment));
    }
    println!("{}", curl_users(&running.url, environment));
    println!();
    Ok(())
}

/// Returns an environment that every route can answer for, or the first.
fn example_environment(fleet: &Fleet) -> &str {
    let mut whole = fleet
        .environments()
        .filter(|environment| environment.database.is_some() && environment.constants.is_some());
    let example = whole.next().or_else(|| fleet.environments().next());
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

/// Returns the line for what the plain route of users does not show: the list of one environment's accounts.
fn curl_users(url: &str, environment: &str) -> String {
    let path = api::users::ROUTE.path;
    let query = format!("?environment={environment}&view=list&limit=5");
    format!("curl -s -H \"Authorization: Bearer $TOKEN\" '{url}{path}{query}'")
}

#[cfg(test)]
mod tests {
    use shared::fleet::Engine;
    use shared::testing::fleet::FleetBuilder;

    use super::*;

    #[test]
    fn lines_can_be_run_as_they_are() {
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
            curl_users("http://127.0.0.1:8080", "full"),
            "curl -s -H \"Authorization: Bearer $TOKEN\" 'http://127.0.0.1:8080/users?environment=full&view=list&limit=5'"
        );
        assert_eq!(
            curl(&api::health::ROUTE, "http://127.0.0.1:8080", "full"),
            "curl -s 'http://127.0.0.1:8080/health'"
        );
    }
}
