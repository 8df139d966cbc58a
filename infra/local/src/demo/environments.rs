//! The demo's environments: production and test of two fictional customers.

/// An environment, and the initial size of its database.
#[derive(Debug)]
pub(super) struct DemoEnvironment {
    /// Name in the fleet file.
    pub(super) name: &'static str,
    /// Name of its database.
    pub(super) database: &'static str,
    /// Name of the Mendix project.
    pub(super) project: &'static str,
    /// Version of the app's model.
    pub(super) model_version: &'static str,
    /// Domain of its users' e-mail addresses.
    pub(super) domain: &'static str,
    /// Buckets or parts of buckets, as the lines of its storage tables in the fleet file.
    pub(super) storage: &'static [&'static str],
    /// Layers over the model: names of documents in its folder of the configuration bucket.
    pub(super) layers: &'static [&'static str],
    /// Users with an account.
    pub(super) users: u32,
    /// Customers, who have the orders.
    pub(super) customers: u32,
    /// Orders.
    pub(super) orders: u32,
    /// Invoices.
    pub(super) documents: u32,
    /// Long messages, about 9 kB each.
    pub(super) messages: u32,
    /// Processed tasks of the queue.
    pub(super) tasks: u32,
    /// Whether it has a table that is not in the Mendix model.
    pub(super) has_report: bool,
}

/// Environment whose database server has known storage, which fills up.
pub(super) const FILLING: &str = "acme-prod";

/// All environments.
pub(super) const ENVIRONMENTS: [DemoEnvironment; 4] = [
    DemoEnvironment {
        name: "acme-prod",
        database: "acme_prod",
        project: "Acme Sales",
        model_version: "1.4.0.317",
        domain: "acme.example",
        storage: &[r#"bucket = "acme-prod-files"
  by_prefix = 2"#],
        layers: &["m2ee.yaml", "mendixapp.yaml"],
        users: 240,
        customers: 800,
        orders: 40_000,
        documents: 1_500,
        messages: 700,
        tasks: 12_000,
        has_report: false,
    },
    DemoEnvironment {
        name: "acme-test",
        database: "acme_test",
        project: "Acme Sales",
        model_version: "1.5.0.342",
        domain: "acme.example",
        storage: &[r#"bucket = "shared-files"
  prefix = "acme-test/""#],
        layers: &["m2ee.yaml"],
        users: 25,
        customers: 50,
        orders: 2_000,
        documents: 80,
        messages: 40,
        tasks: 900,
        has_report: false,
    },
    DemoEnvironment {
        name: "globex-prod",
        database: "globex_prod",
        project: "Globex Orders",
        model_version: "7.0.2.1204",
        domain: "globex.example",
        storage: &[
            r#"bucket = "shared-files"
  prefix = "globex-prod/""#,
            r#"bucket = "shared-files"
  suffix = ".globex""#,
        ],
        layers: &["m2ee.yaml", "settings.json"],
        users: 900,
        customers: 300,
        orders: 12_000,
        documents: 600,
        messages: 200,
        tasks: 5_000,
        has_report: true,
    },
    DemoEnvironment {
        name: "globex-test",
        database: "globex_test",
        project: "Globex Orders",
        model_version: "7.1.0.1260",
        domain: "globex.example",
        storage: &[r#"bucket = "shared-files"
  prefix = "globex-test/""#],
        layers: &["m2ee.yaml"],
        users: 12,
        customers: 20,
        orders: 300,
        documents: 20,
        messages: 10,
        tasks: 150,
        has_report: false,
    },
];
