//! The rules of `[environment.database]`.

use super::read_place;
use super::section::{Faults, Section};
use crate::fleet::{Auth, DatabaseTarget, Engine};
use crate::secrets;

pub(super) fn read_database(
    faults: &mut Faults<'_>,
    section: &Section<'_>,
    environment: &str,
) -> Option<DatabaseTarget> {
    section.check_keys(
        faults,
        &[
            "engine", "host", "port", "name", "user", "auth", "region", "role_arn",
        ],
    );
    let engine = section
        .required_text(faults, "engine")
        .and_then(|(text, offset)| match text {
            "postgres" => Some(Engine::Postgres),
            "mysql" => Some(Engine::Mysql),
            _ => {
                let reason = format!(
                    "{text:?} is unknown, allowed are postgres, mysql (also MariaDB and Aurora)"
                );
                faults.add(offset, &section.field("engine"), reason);
                None
            }
        });
    let host = section
        .required_text(faults, "host")
        .map(|(text, _)| text.to_owned());
    let port = section
        .whole_number(faults, "port", 1, 65_535)
        .and_then(|port| u16::try_from(port).ok());
    let name = section
        .required_text(faults, "name")
        .map(|(text, _)| text.to_owned());
    let user = section
        .required_text(faults, "user")
        .map(|(text, _)| text.to_owned());
    let auth = match section.optional_text(faults, "auth") {
        None => Auth::Iam,
        Some((text, offset)) => parse_auth(text).unwrap_or_else(|reason| {
            faults.add(offset, &section.field("auth"), reason);
            Auth::Iam
        }),
    };
    let (region, role_arn) = read_place(faults, section);
    let engine = engine?;
    Some(DatabaseTarget {
        environment: environment.to_owned(),
        engine,
        host: host?,
        port: port.unwrap_or(match engine {
            Engine::Postgres => 5432,
            Engine::Mysql => 3306,
        }),
        name: name?,
        user: user?,
        auth,
        region,
        role_arn,
    })
}

fn parse_auth(text: &str) -> Result<Auth, String> {
    match text.split_once(':') {
        None if text == "iam" => Ok(Auth::Iam),
        Some(("env", variable)) if !variable.is_empty() => Ok(Auth::Variable(variable.to_owned())),
        _ if secrets::region(text).is_some() => Ok(Auth::Secret(text.to_owned())),
        // The text may be a password that was put here by mistake, so it is not repeated.
        _ => Err(
            "is not a way to log in, allowed are iam, the ARN of a secret and env:VARIABLE"
                .to_owned(),
        ),
    }
}
