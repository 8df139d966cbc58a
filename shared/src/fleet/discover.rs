//! `[discover]`: what discovery asks for.

/// Name of the file that discovery writes, beside the fleet file.
pub const DISCOVERED: &str = "discovered.toml";

/// `[discover]` of a fleet file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discover {
    /// Regions of the program's own account that are asked; accounts have their own.
    pub regions: Vec<String>,
    /// Keys of the tags.
    pub tags: DiscoveryTags,
}

/// Keys of the tags that describe a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryTags {
    /// Names its environments; resources without it are not discovered.
    pub environment: String,
    /// Prefix of an environment in a shared bucket.
    pub prefix: String,
    /// Database of an environment on a server.
    pub database: String,
    /// User of that database.
    pub user: String,
    /// Keys of the model and of layers of constants in a bucket.
    pub constants: String,
}

impl Default for DiscoveryTags {
    fn default() -> Self {
        let key = |name: &str| format!("mrt:{name}");
        Self {
            environment: key("environment"),
            prefix: key("prefix"),
            database: key("database"),
            user: key("user"),
            constants: key("constants"),
        }
    }
}
