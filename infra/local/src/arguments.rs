//! Errors of the argument parser, which repeat arguments: not those that may hold a password.

use std::ffi::OsString;

use clap::error::ErrorKind;
use shared::fleet::StorageKind;

use crate::output;

/// Exit code for wrong usage.
const WRONG_USAGE: i32 = 2;
/// Words of arguments that may hold a password, in lower case: URLs with a login, and settings such as `password=`.
const SUSPICIOUS: [&str; 5] = ["@", "password", "passwd", "pwd", "postgres"];

/// Prints `error` and ends the program.
///
/// If any argument may hold a password, no argument is repeated: a password with a space in it is two arguments.
pub(crate) fn exit(error: &clap::Error) -> ! {
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_help
        || !std::env::args_os()
            .skip(1)
            .any(|argument| may_hold_password(&argument))
    {
        error.exit();
    }
    output::print_error(&format!(
        "error: {}. The arguments are not repeated, because one may hold a password.\n\n\
         Put a URL in single quotes, and write # / ? @ % and spaces of a password as %23 %2F %3F %40 %25 %20, or use \
         PGPASSWORD or MYSQL_PWD.\n\nFor more information, try '--help'.",
        what(error.kind())
    ));
    std::process::exit(WRONG_USAGE);
}

fn may_hold_password(argument: &OsString) -> bool {
    let argument = argument.to_string_lossy().to_ascii_lowercase();
    let scheme = argument.split_once("://").map(|(scheme, _)| scheme);
    let is_storage = |scheme: &str| StorageKind::from_name(scheme).is_some();
    scheme.is_some_and(|scheme| !is_storage(scheme))
        || SUSPICIOUS.iter().any(|words| argument.contains(words))
}

/// Returns what is wrong, without the argument.
fn what(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSubcommand => "the command is not known",
        ErrorKind::UnknownArgument => "there is an argument too many, or one that is not known",
        ErrorKind::MissingRequiredArgument => "an argument is missing",
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            "the value of an argument is not valid"
        }
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8",
        ErrorKind::ArgumentConflict => "two arguments cannot be used together",
        _ => "the arguments are not understood",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_a_login_and_passwords_are_suspected_and_buckets_are_not() {
        for (argument, expected) in [
            ("postgres://u:p@h/d", true),
            ("mysql://u@h/d", true),
            ("jdbc:postgresql://h/d", true),
            ("host=h PASSWORD=x", true),
            ("--password", true),
            ("u:p@h/d", true),
            ("s3://acme-files/prefix", false),
            ("efs://acme", false),
            ("bucket-size", false),
            ("fleet.toml", false),
        ] {
            assert_eq!(may_hold_password(&argument.into()), expected, "{argument}");
        }
    }
}
