//! Reads error responses.

use super::text::field;

/// Code and message of an error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorResponse<'t> {
    /// Content of `<Code>`.
    pub code: Option<&'t str>,
    /// Content of `<Message>`.
    pub message: Option<&'t str>,
    /// Content of `<ServerTime>`: the time of the server, where it refuses that of the request.
    pub server_time: Option<&'t str>,
}

impl<'t> ErrorResponse<'t> {
    /// Reads the body of an error response; missing or invalid fields are `None`.
    pub fn parse(body: &'t [u8]) -> Self {
        let text = |name| std::str::from_utf8(field(body, name)?).ok();
        Self {
            code: text("Code"),
            message: text("Message"),
            server_time: text("ServerTime"),
        }
    }
}
