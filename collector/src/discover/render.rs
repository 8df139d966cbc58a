//! Writes `discovered.toml`: the same environments give the same text, whatever the order in which they were found.

use std::fmt::Write as _;

use chrono::NaiveDate;
use shared::fleet::{
    BucketTarget, ConstantLayers, DatabaseServer, DatabaseTarget, Environment, LayerKind,
    StorageKind,
};
use shared::location::{AwsScope, Location};

const HEADER: &str = "\
# Written by discovery, which replaces this file. What the fleet file says about the same storage, database or
# constants takes precedence. Nothing with gone_since is measured.
";

/// Returns the text of a file with `environments`, which are in the order of their names.
pub(super) fn file<'a>(environments: impl IntoIterator<Item = &'a Environment>) -> String {
    let mut file = File(HEADER.to_owned());
    for environment in environments {
        file.0.push_str("\n[[environment]]\n");
        file.text("name", &environment.name);
        for target in &environment.storage {
            file.storage(target);
            file.gone(environment.gone.get(&target.id()));
        }
        if let Some(database) = &environment.database {
            file.database(database);
            file.gone(environment.gone.get(&database.id()));
        }
        if let Some(constants) = &environment.constants {
            file.constants(constants);
        }
    }
    file.0
}

struct File(String);

impl File {
    fn text(&mut self, key: &str, value: &str) {
        let value = quoted(value);
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn number(&mut self, key: &str, value: impl Into<u64>) {
        let _ = writeln!(self.0, "{key} = {}", value.into());
    }

    fn storage(&mut self, target: &BucketTarget) {
        self.0.push_str("\n[[environment.storage]]\n");
        if target.kind == StorageKind::S3 {
            self.text("bucket", &target.bucket);
            if !target.prefix.is_empty() {
                self.text("prefix", &target.prefix);
            }
        } else {
            self.text("kind", target.kind.as_str());
            self.text("id", &target.bucket);
        }
        self.scope(&target.scope);
    }

    fn database(&mut self, target: &DatabaseTarget) {
        self.0.push_str("\n[environment.database]\n");
        self.text("engine", target.engine.as_str());
        self.text("host", &target.host);
        self.number("port", target.port);
        self.text("name", &target.name);
        self.text("user", &target.user);
        match &target.server {
            Some(DatabaseServer::Instance(id)) => self.text("instance", id),
            Some(DatabaseServer::Cluster(id)) => self.text("cluster", id),
            None => {}
        }
        if let Some(gib) = target.allocated_gib {
            self.number("allocated_gib", gib);
        }
        self.scope(&target.scope);
    }

    fn constants(&mut self, constants: &ConstantLayers) {
        self.0.push_str("\n[environment.constants]\n");
        self.text("model", &constants.model.to_string());
        let layers: Vec<_> = constants
            .layers
            .iter()
            .filter_map(|layer| match &layer.kind {
                LayerKind::Document(location @ Location::S3 { .. }) => {
                    Some(quoted(&location.to_string()))
                }
                _ => None,
            })
            .collect();
        if !layers.is_empty() {
            let _ = writeln!(self.0, "layers = [{}]", layers.join(", "));
        }
        self.scope(&constants.scope);
    }

    fn scope(&mut self, scope: &AwsScope) {
        if let Some(account) = scope.account() {
            self.text("account", account);
        }
        if let Some(region) = &scope.region {
            self.text("region", region);
        }
    }

    fn gone(&mut self, since: Option<&NaiveDate>) {
        if let Some(since) = since {
            self.text("gone_since", &since.to_string());
        }
    }
}

/// Returns a string of TOML: the escapes of JSON are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
