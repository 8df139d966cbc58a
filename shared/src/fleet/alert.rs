//! Alerts of the fleet file: which condition is watched, and who is told.

use std::time::Duration;

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Unique name: lower-case letters, digits and hyphens, at most 63.
    pub name: String,
    /// Environments that it watches, in the order of the file; empty for all.
    pub environments: Vec<String>,
    /// When it begins.
    pub condition: Condition,
    /// Who is told when it begins and ends; at least one.
    pub destinations: Vec<Destination>,
}

impl Alert {
    /// Returns whether it watches an environment.
    pub fn watches(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|name| name == environment)
    }
}

/// What begins an alert. All are about one target, one environment, or the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The storage of a database's server is full within this time, by its date of full.
    FullWithin(Duration),
    /// A target grows by more than this share of its size in a week.
    GrowthPerWeekAbove {
        /// Per cent.
        percent: u64,
    },
    /// All targets together have more bytes than this.
    TotalAbove {
        /// The limit.
        bytes: u64,
        /// What is added up.
        over: TotalOver,
    },
    /// An environment's storage has more bytes than this that no file document of its app accounts for.
    UnaccountedAbove {
        /// The limit.
        bytes: u64,
    },
    /// The due measurement of a target has been missed for this time.
    StaleFor(Duration),
    /// Measurements of a target have failed for this time.
    FailingFor(Duration),
}

/// What a total is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotalOver {
    /// Each environment.
    Environment,
    /// All environments that the alert watches.
    Fleet,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A topic of SNS.
    Sns {
        /// Its ARN.
        topic_arn: String,
        /// Region in its ARN.
        region: String,
    },
    /// A URL that takes POST requests. The URL is a secret: whoever has it can post.
    Webhook {
        /// Where the URL is kept.
        url: WebhookUrl,
        /// What the receiver understands.
        form: WebhookForm,
    },
}

impl Destination {
    /// Returns what tells it from others, in stored states and logs: an ARN or the name of a variable.
    pub fn id(&self) -> &str {
        match self {
            Self::Sns { topic_arn, .. } => topic_arn,
            Self::Webhook { url, .. } => match url {
                WebhookUrl::Secret(arn) => arn,
                WebhookUrl::Variable(name) => name,
            },
        }
    }
}

/// Where the URL of a webhook is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookUrl {
    /// In the secret with this ARN.
    Secret(String),
    /// In this variable; for one machine only.
    Variable(String),
}

/// Form of the messages to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookForm {
    /// Our own JSON.
    Json,
    /// Slack's incoming webhooks.
    Slack,
    /// Workflows of Microsoft Teams: an adaptive card.
    Teams,
}
